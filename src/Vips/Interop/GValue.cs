using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>GLib's tagged union. Whoever makes one disposes it, which frees what it holds.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe partial struct GValue : IDisposable
{
    private const string Library = NativeLoader.Name;

    // Fundamental types keep their numbers for good (gtype.h): an index shifted left by two.
    private const nuint TypeBoolean = 5 << 2;
    private const nuint TypeInt = 6 << 2;
    private const nuint TypeString = 16 << 2;
    private const nuint TypeObject = 20 << 2;

    private readonly nuint _type;
    private readonly long _data0;
    private readonly long _data1;

    private GValue(nuint type)
    {
        Init(ref this, type);
    }

    /// <summary>For properties of type int, and for enums and flags: GObject turns an int into either.</summary>
    public static GValue From(int number)
    {
        GValue value = new(TypeInt);
        SetInt(ref value, number);
        return value;
    }

    public static GValue From(bool flag)
    {
        GValue value = new(TypeBoolean);
        SetBoolean(ref value, flag ? 1 : 0);
        return value;
    }

    public static GValue From(string text)
    {
        GValue value = new(TypeString);
        SetString(ref value, text);
        return value;
    }

    public static GValue From(SafeHandle instance)
    {
        GValue value = new(TypeObject);
        SetObject(ref value, instance);
        return value;
    }

    public static GValue From(ReadOnlySpan<double> numbers)
    {
        GValue value = new(ArrayDoubleType());
        fixed (double* first = numbers)
        {
            SetArrayDouble(ref value, first, numbers.Length);
        }
        return value;
    }

    public static GValue ForObject() => new(TypeObject);

    public static GValue ForBlob() => new(BlobType());

    /// <summary>The object in here with a reference of the caller's own, or 0.</summary>
    public nint DuplicateObject() => DuplicateObject(in this);

    /// <summary>The bytes in here, valid until this value is disposed.</summary>
    public ReadOnlySpan<byte> Blob()
    {
        byte* data = GetBlob(in this, out nuint length);
        return new ReadOnlySpan<byte>(data, checked((int)length));
    }

    public void Dispose() => Unset(ref this);

    [LibraryImport(Library, EntryPoint = "g_value_init")]
    private static partial nint Init(ref GValue value, nuint type);

    [LibraryImport(Library, EntryPoint = "g_value_unset")]
    private static partial void Unset(ref GValue value);

    [LibraryImport(Library, EntryPoint = "g_value_set_int")]
    private static partial void SetInt(ref GValue value, int number);

    [LibraryImport(Library, EntryPoint = "g_value_set_boolean")]
    private static partial void SetBoolean(ref GValue value, int flag);

    [LibraryImport(Library, EntryPoint = "g_value_set_string", StringMarshalling = StringMarshalling.Utf8)]
    private static partial void SetString(ref GValue value, string text);

    [LibraryImport(Library, EntryPoint = "g_value_set_object")]
    private static partial void SetObject(ref GValue value, SafeHandle instance);

    [LibraryImport(Library, EntryPoint = "g_value_dup_object")]
    private static partial nint DuplicateObject(in GValue value);

    [LibraryImport(Library, EntryPoint = "vips_array_double_get_type")]
    private static partial nuint ArrayDoubleType();

    [LibraryImport(Library, EntryPoint = "vips_value_set_array_double")]
    private static partial void SetArrayDouble(ref GValue value, double* numbers, int count);

    [LibraryImport(Library, EntryPoint = "vips_blob_get_type")]
    private static partial nuint BlobType();

    [LibraryImport(Library, EntryPoint = "vips_value_get_blob")]
    private static partial byte* GetBlob(in GValue value, out nuint length);
}
