using System.Reflection;
using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>Finds libvips: the file beside the program first, then the system's.</summary>
internal static class NativeLoader
{
    public const string Name = "libvips-cpp.so";

    // Debian's libvips42. GLib and GObject need no name of their own: a symbol is also looked up in the libraries a library was linked
    // against, and the file beside the program has them inside.
    private const string SystemName = "libvips.so.42";

    public static void Register() => NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Name)
        {
            return 0;   // not ours: the default search
        }
        if (NativeLibrary.TryLoad(Name, assembly, DllImportSearchPath.AssemblyDirectory, out nint handle)
            || NativeLibrary.TryLoad(SystemName, out handle))
        {
            return handle;
        }
        throw new DllNotFoundException($"Neither {Name} beside the program nor {SystemName} on the system could be loaded.");
    }
}
