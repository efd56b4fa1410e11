using System;
using System.Runtime.InteropServices;

namespace OnnxRuntime;

/// <summary>Switches off the telemetry of ONNX Runtime's official builds.</summary>
public static partial class OrtTelemetry
{
    /// <summary>
    /// Sets <c>ORT_DISABLE_TELEMETRY=1</c> for native code, unless the variable is set already. Call it first thing in a program: the
    /// library reads the variable once, while it loads, which is at the first use of any type of <c>Microsoft.ML.OnnxRuntime</c>.
    /// </summary>
    /// <remarks>
    /// POSIX builds send telemetry from 1.29 on. <see cref="Environment.SetEnvironmentVariable(string, string)"/> would not do: on Unix
    /// it changes .NET's copy of the environment, which native code never sees. Does nothing on Windows, where telemetry is
    /// switched off through the API. <c>setenv</c> is not thread-safe, one more reason to call this before other threads start.
    /// </remarks>
    public static void Disable()
    {
        if (!OperatingSystem.IsWindows())
        {
            _ = SetEnvironment("ORT_DISABLE_TELEMETRY", "1", overwrite: 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
