using System.Reflection;
using System.Runtime.InteropServices;

namespace Vips.Interop;

/// <summary>Finds libvips: the file beside the program first, then the system's.</summary>
internal static class NativeLoader
{
    public const string Name = "libvips.so.42";

    public static void Register() => NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, Resolve);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? searchPath)
    {
        if (name != Name)
        {
            return 0;   // not ours: the default search
        }
        return NativeLibrary.Load(Name, assembly, DllImportSearchPath.AssemblyDirectory);
    }
}
