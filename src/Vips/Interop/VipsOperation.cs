using System.Buffers;
using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>One call of a libvips operation: named arguments in, one image or one buffer out.</summary>
/// <param name="name">Nickname ("flatten") or class name ("VipsForeignLoadJpegSource").</param>
internal sealed class VipsOperation(string name) : GObject(NativeMethods.NewOperation(name))
{
    public VipsOperation Set(string argument, int number)
    {
        using GValue value = GValue.From(number);
        return Set(argument, in value);
    }

    public VipsOperation Set(string argument, bool flag)
    {
        using GValue value = GValue.From(flag);
        return Set(argument, in value);
    }

    public VipsOperation Set(string argument, string text)
    {
        using GValue value = GValue.From(text);
        return Set(argument, in value);
    }

    public VipsOperation Set(string argument, ReadOnlySpan<double> numbers)
    {
        using GValue value = GValue.From(numbers);
        return Set(argument, in value);
    }

    public VipsOperation Set(string argument, SafeHandle instance)
    {
        using GValue value = GValue.From(instance);
        return Set(argument, in value);
    }

    /// <summary>Runs an operation whose result is the image "out", which the caller owns.</summary>
    /// <exception cref="VipsException">libvips refuses the arguments.</exception>
    public VipsImage ToImage()
    {
        using GObject built = Build();
        GValue value = GValue.ForObject();
        try
        {
            NativeMethods.GetProperty(built, "out", ref value);
            return new VipsImage(value.DuplicateObject());
        }
        finally
        {
            value.Dispose();
            NativeMethods.UnrefOutputs(built);
        }
    }

    /// <summary>Runs a saver, whose result is the blob "buffer", and copies that out.</summary>
    /// <exception cref="VipsException">The image's pixels cannot be computed or written.</exception>
    public void ToBuffer(IBufferWriter<byte> output)
    {
        using GObject built = Build();
        GValue value = GValue.ForBlob();
        try
        {
            NativeMethods.GetProperty(built, "buffer", ref value);
            ReadOnlySpan<byte> blob = value.Blob();
            blob.CopyTo(output.GetSpan(blob.Length)); // asked for at once: Write would grow the buffer step by step
            output.Advance(blob.Length);
        }
        finally
        {
            value.Dispose();
            NativeMethods.UnrefOutputs(built);
        }
    }

    private GObject Build()
    {
        nint built = NativeMethods.BuildOperation(this);
        if (built == 0)
        {
            // A half-built operation and its outputs hold on to each other.
            NativeMethods.UnrefOutputs(this);
        }
        return new GObject(built);
    }

    private VipsOperation Set(string argument, in GValue value)
    {
        NativeMethods.SetProperty(this, argument, in value);
        return this;
    }
}
