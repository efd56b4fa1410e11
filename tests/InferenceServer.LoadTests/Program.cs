using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;
using InferenceServer.LoadTests.Traffic;

OnnxRuntime.OrtTelemetry.Disable();
PhotoMaker maker = new("tests/assets/street.jpg");
BenchmarkModel model = new(Path.GetFullPath("models/camvid-deeplabv3plus"));
PhotoSet photos = PhotoSet.Plain(maker);
foreach (Photo p in PhotoSet.Wide(maker).Photos) { Console.WriteLine($"{p.Size} {p.Jpeg.Length}"); }
List<IContender> contenders = [new RawContender(model, 1, 2), new RawContender(model, 2, 1), new RawContender(model, 1, 1)];
contenders.Add(await HttpContender.StartAsync("ours 1x2", "dotnet src/InferenceServer/bin/Release/net10.0/InferenceServer.dll --urls http://127.0.0.1:PORT", "/v1/segment", "/tmp/ours.log"));
contenders.Add(await HttpContender.StartAsync("ours 2x1", "dotnet src/InferenceServer/bin/Release/net10.0/InferenceServer.dll --urls http://127.0.0.1:PORT --Scheduling:Concurrency 2 --Onnx:IntraOpThreads 1", "/v1/segment", "/tmp/ours2.log"));
contenders.Add(await HttpContender.StartAsync("ours 3x1", "dotnet src/InferenceServer/bin/Release/net10.0/InferenceServer.dll --urls http://127.0.0.1:PORT --Scheduling:Concurrency 3 --Onnx:IntraOpThreads 1", "/v1/segment", "/tmp/ours3.log"));
foreach (IContender c in contenders) { await c.WarmUpAsync(photos); }
for (int round = 1; round <= 3; round++)
{
    foreach (IContender c in contenders)
    {
        Window w = await c.SaturateAsync(photos, TimeSpan.FromSeconds(4), round);
        Latency l = new([w]);
        Console.WriteLine($"{w.Contender,-10} {w.Goodput:F1}/s  p50 {l[50]:F1} p99 {l[99]:F1}  cpu {w.CpuMsPerRequest:F1} ms client {w.ClientCpu.TotalMilliseconds / w.Samples.Count:F2} rss {w.Resident >> 20}");
    }
}
foreach (IContender c in contenders) { c.Dispose(); }
