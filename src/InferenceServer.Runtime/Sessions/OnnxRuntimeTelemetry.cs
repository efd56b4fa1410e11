using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

/// <summary>Turns off the telemetry of ONNX Runtime's official builds before any code of this assembly runs.</summary>
/// <remarks>
/// On Linux and macOS the native library reads <c>ORT_DISABLE_TELEMETRY</c> once, while it loads. <see cref="Environment.SetEnvironmentVariable(string, string)"/>
/// changes only .NET's copy of the environment there, which native code never sees, so the variable is set with <c>setenv</c>. A value
/// that the user has set stays. On Windows the native library reads no variable: <c>SessionFactory</c> turns telemetry off
/// through the API, before the first session. Projects that use ONNX Runtime directly compile this file, too.
/// </remarks>
file static class OnnxRuntimeTelemetry
{
#pragma warning disable CA2255 // A library's initializer is the only place that runs before every use of ONNX Runtime.
    [ModuleInitializer]
#pragma warning restore CA2255
    internal static void Disable()
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetEnvironment("ORT_DISABLE_TELEMETRY", "1", overwrite: 0);
        }
    }

#pragma warning disable SYSLIB1054 // The generator of LibraryImport cannot extend a type that is local to its file.
    [DllImport("libc", EntryPoint = "setenv", CharSet = CharSet.Ansi, BestFitMapping = false, ThrowOnUnmappableChar = true)]
    private static extern int SetEnvironment(string name, string value, int overwrite);
#pragma warning restore SYSLIB1054
}
