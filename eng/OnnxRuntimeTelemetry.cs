using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

/// <summary>Turns off the telemetry of ONNX Runtime's official builds before any other code of a program runs.</summary>
/// <remarks>
/// eng/Natives.targets compiles this file into every program, tests included. On Linux and macOS the native library reads
/// <c>ORT_DISABLE_TELEMETRY</c> while it loads. <see cref="Environment.SetEnvironmentVariable(string, string)"/> changes only .NET's copy of
/// the environment there, which native code never sees, so the variable is set with <c>setenv</c>. A value that the user has set stays.
/// On Windows the native library reads no variable: <c>SessionFactory</c> turns telemetry off through the API, before the first session.
/// </remarks>
file static class OnnxRuntimeTelemetry
{
    private delegate int SetEnv(string name, string value, int overwrite);

#pragma warning disable CA2255 // meant for programs; the library has it, too, for it must run before the native library is loaded
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Disable()
    {
        if (!OperatingSystem.IsWindows())
        {
            nint setenv = NativeLibrary.GetExport(NativeLibrary.GetMainProgramHandle(), "setenv");
            _ = Marshal.GetDelegateForFunctionPointer<SetEnv>(setenv)("ORT_DISABLE_TELEMETRY", "1", overwrite: 0);
        }
    }
}
