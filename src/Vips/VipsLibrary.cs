using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Vips.Interop;

namespace Vips;

/// <summary>libvips as a whole: start-up, version and what it holds.</summary>
public static unsafe class VipsLibrary
{
    // The formats whose decoders are fuzzed and which people upload. Everything else stays shut, even what libvips itself trusts: a text file
    // of numbers would open as a matrix, and a system libvips brings more loaders than the one beside the program. An Ultra HDR
    // photograph opens as the ordinary JPEG that it also is.
    private static readonly string[] Loaders = ["Jpeg", "Png", "Webp", "Nsgif", "Tiff", "Heif"];

    private static readonly Lock Gate = new();
    private static volatile bool _initialized;

    /// <summary>The version of the loaded library, such as 8.18.7.</summary>
    /// <exception cref="DllNotFoundException">libvips is neither beside the program nor on the system.</exception>
    public static Version Version
    {
        get
        {
            Initialize();
            return new Version(NativeMethods.Version(0), NativeMethods.Version(1), NativeMethods.Version(2));
        }
    }

    /// <summary>Pixel memory and files that libvips holds now, of the whole process. All zero when every image is disposed.</summary>
    public static (long Bytes, int Allocations, int Files) Tracked
    {
        get
        {
            Initialize();
            return ((long)NativeMethods.TrackedBytes(), NativeMethods.TrackedAllocations(), NativeMethods.TrackedFiles());
        }
    }

    /// <summary>
    /// Loads and starts libvips. Every other member does so by itself; a server calls this at start-up, so that a missing library stops
    /// it there. Safe to call again and from any thread.
    /// </summary>
    /// <remarks>Threads need no care: libvips keeps state for the threads it starts itself, none for those that call it.</remarks>
    /// <exception cref="DllNotFoundException">libvips is neither beside the program nor on the system.</exception>
    /// <exception cref="VipsException">libvips could not start.</exception>
    public static void Initialize()
    {
        if (_initialized)
        {
            return;
        }
        lock (Gate)
        {
            if (!_initialized)
            {
                Start();
                _initialized = true;
            }
        }
    }

    private static void Start()
    {
        if (NativeMethods.Init("Vips") != 0)
        {
            throw VipsException.FromErrorBuffer();
        }
        NativeMethods.BlockUntrusted(1);
        NativeMethods.BlockOperation("VipsForeignLoad", 1);
        foreach (string loader in Loaders)
        {
            NativeMethods.BlockOperation("VipsForeignLoad" + loader, 0);
        }
        NativeMethods.SetConcurrency(1);   // a server's parallelism is between requests
        NativeMethods.SetCacheMax(0);      // a cached operation would keep a request's image alive

        // libvips writes warnings to stderr for each oddity in a picture's metadata: whoever uploads would write into the server's log.
        const int WarningsAndBelow = 0b1111_0000;
        NativeMethods.SetLogHandler("VIPS", WarningsAndBelow, &Ignore, 0);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void Ignore(byte* domain, int level, byte* message, nint data)
    {
    }
}
