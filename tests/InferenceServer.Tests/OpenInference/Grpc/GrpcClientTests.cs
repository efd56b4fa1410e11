using System.Diagnostics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace InferenceServer.Tests.OpenInference.Grpc;

/// <summary>Every method as <c>@grpc/grpc-js</c> calls it, which learns of the methods by reflection.</summary>
public sealed class GrpcClientTests
{
    private const string Lab = "the lab's key";
    private const string Operator = "the operator's key";

    [NodeFact]
    public async Task Client_EveryMethod_GetsItsAnswer()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        byte[] image = Photo.Noise(jpeg: true);
        byte[] expected =
            await (await server.Http.PostAsync("/v1/segment/tiny?format=raw", Photo.Content(image))).Content.ReadAsByteArrayAsync();

        JsonElement[] answers = await CallAsync(
            server,
            new { method = "ServerLive" },
            new { method = "ServerReady" },
            new { method = "ServerMetadata" },
            new { method = "ModelReady", request = new { name = "tiny" } },
            new { method = "ModelMetadata", request = new { name = "tiny", version = "1" } },
            new { method = "ModelConfig", request = new { name = "tiny" } },
            new { method = "ModelInfer", request = Infer(image) },
            new { method = "ModelStatistics", request = new { name = "tiny" } },
            new { method = "RepositoryIndex", request = new { ready = true } },
            new { service = "grpc.health.v1.Health", method = "Check", request = new { service = "" } },
            new { method = "ModelReady", request = new { name = "tiny-nan" } },
            new { service = "grpc.health.v1.Health", method = "Watch", request = new { service = "inference.GRPCInferenceService" } });

        Assert.All(answers, a => Assert.True(a.TryGetProperty("response", out _), a.ToString()));
        JsonElement[] responses = [.. answers.Select(a => a.GetProperty("response"))];
        Assert.True(responses[0].GetProperty("live").GetBoolean());
        Assert.True(responses[1].GetProperty("ready").GetBoolean());
        Assert.Contains("statistics", responses[2].GetProperty("extensions").EnumerateArray().Select(e => e.GetString()));
        Assert.True(responses[3].GetProperty("ready").GetBoolean());
        Assert.Equal(
            [-1, 3, -1, -1],
            responses[4].GetProperty("inputs")[0].GetProperty("shape").EnumerateArray().Select(e => e.GetInt64()));
        JsonElement config = responses[5].GetProperty("config");
        Assert.Equal("TYPE_FP32", config.GetProperty("input")[0].GetProperty("data_type").GetString());
        Assert.Equal("KIND_CPU", config.GetProperty("instance_group")[0].GetProperty("kind").GetString());
        Assert.Equal(expected, responses[6].GetProperty("raw_output_contents")[0].GetBytesFromBase64());
        JsonElement stats = responses[7].GetProperty("model_stats")[0].GetProperty("inference_stats");
        Assert.Equal(2, stats.GetProperty("success").GetProperty("count").GetInt64());
        Assert.Equal(2, stats.GetProperty("compute_infer").GetProperty("count").GetInt64());
        Assert.Contains("tiny.image", responses[8].GetProperty("models").EnumerateArray().Select(m => m.GetProperty("name").GetString()));
        Assert.Equal("SERVING", responses[9].GetProperty("status").GetString());
        Assert.False(responses[10].GetProperty("ready").GetBoolean());
        Assert.Equal("SERVING", responses[11].GetProperty("status").GetString());
    }

    [NodeFact]
    public async Task Client_Stream_GetsEachAnswerAndEachError()
    {
        await using GrpcServer server = await GrpcServer.StartAsync();
        object[] requests = [Infer(Photo.Png), new { id = "2", model_name = "absent" }, Infer(Photo.Noise(jpeg: true))];
        JsonElement[] answers = await CallAsync(
            server,
            new { method = "ModelInfer", request = requests[0] },
            new { method = "ModelInfer", request = requests[2] },
            new { method = "ModelStreamInfer", requests });

        JsonElement[] responses = [.. answers[2].GetProperty("responses").EnumerateArray()];
        Assert.Equal(3, responses.Length);
        Assert.Equal(Mask(answers[0].GetProperty("response")), Mask(responses[0].GetProperty("infer_response")));
        Assert.Equal(Mask(answers[1].GetProperty("response")), Mask(responses[2].GetProperty("infer_response")));
        Assert.Contains("'absent'", responses[1].GetProperty("error_message").GetString(), StringComparison.Ordinal);
        Assert.Equal("2", responses[1].GetProperty("infer_response").GetProperty("id").GetString());

        static byte[] Mask(JsonElement response) => response.GetProperty("raw_output_contents")[0].GetBytesFromBase64();
    }

    [NodeFact]
    public async Task Client_KeysAndChanges_HaveTheStatusOfTheirScopes()
    {
        await using GrpcServer server = await GrpcServer.StartAsync(
            ("Security:Keys:operator:Hash", Hash(Operator)), ("Security:Keys:operator:Scopes", "admin"),
            ("Security:Keys:lab:Hash", Hash(Lab)));
        var load = new { model_name = "tiny" };

        JsonElement[] answers = await CallAsync(
            server,
            new { method = "ModelInfer", request = Infer(Photo.Png) },
            new { method = "ModelInfer", request = Infer(Photo.Png), metadata = new { authorization = "Bearer " + Lab } },
            new { method = "ModelInfer", request = Infer(Photo.Png), metadata = new { authorization = "Bearer wrong" } },
            new { method = "RepositoryModelUnload", request = load, metadata = new Dictionary<string, string> { ["x-api-key"] = Lab } },
            new
            {
                method = "RepositoryModelUnload",
                request = load,
                metadata = new Dictionary<string, string> { ["x-api-key"] = Operator },
            },
            new { method = "ModelInfer", request = Infer(Photo.Png), metadata = new { authorization = "Bearer " + Lab } },
            new { method = "RepositoryModelLoad", request = load, metadata = new Dictionary<string, string> { ["x-api-key"] = Operator } },
            new { method = "ModelInfer", request = Infer(Photo.Png), metadata = new { authorization = "Bearer " + Lab } },
            new { service = "grpc.health.v1.Health", method = "Check", request = new { service = "nothing" } });

        Assert.Equal(
            [16, 0, 16, 7, 0, 14, 0, 0, 5],
            answers.Select(a => a.TryGetProperty("code", out JsonElement code) ? code.GetInt32() : 0));
        Assert.Contains("Authorization", answers[0].GetProperty("details").GetString(), StringComparison.Ordinal);
        Assert.Contains("scope admin", answers[3].GetProperty("details").GetString(), StringComparison.Ordinal);
    }

    private static object Infer(byte[] image) => new
    {
        model_name = "tiny.image",
        inputs = new[] { new { name = "image", datatype = "BYTES", shape = new[] { 1 } } },
        raw_input_contents = new[] { Convert.ToBase64String(InferCall.Element(image)) },
    };

    private static string Hash(string key) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)));

    private static async Task<JsonElement[]> CallAsync(GrpcServer server, params object[] calls)
    {
        ProcessStartInfo start = new("node") { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };
        start.ArgumentList.Add(Path.Combine(NodeFactAttribute.Folder, "call.mjs"));
        start.ArgumentList.Add(server.Address);
        using Process node = Process.Start(start)!;
        await node.StandardInput.WriteAsync(JsonSerializer.Serialize(calls));
        node.StandardInput.Close();
        Task<string> errors = node.StandardError.ReadToEndAsync();
        string answers = await node.StandardOutput.ReadToEndAsync();
        await node.WaitForExitAsync();
        Assert.True(node.ExitCode == 0, await errors);
        return [.. JsonDocument.Parse(answers).RootElement.EnumerateArray()];
    }
}
