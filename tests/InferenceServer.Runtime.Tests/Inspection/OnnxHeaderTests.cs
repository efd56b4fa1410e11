using InferenceServer.Runtime.Inspection;

namespace InferenceServer.Runtime.Tests.Inspection;

public sealed class OnnxHeaderTests
{
    // ir_version 8; a graph of 3 bytes; ai.onnx.ml 3; ONNX 16
    private static readonly byte[] Model = [0x08, 8, 0x3A, 3, 1, 2, 3, 0x42, 6, 0x0A, 2, (byte)'m', (byte)'l', 0x10, 3, 0x42, 2, 0x10, 16];

    [Fact]
    public void ReadOpset_SeveralDomains_TakesThatOfOnnx() => Assert.Equal(16, OnnxHeader.ReadOpset(new MemoryStream(Model)));

    [Fact]
    public void ReadOpset_CutAnywhere_IsNull()
    {
        for (int length = 0; length < Model.Length; length++)
        {
            Assert.Null(OnnxHeader.ReadOpset(new MemoryStream(Model, 0, length)));
        }
    }

    [Fact]
    public void ReadOpset_NoProtobuf_IsNull() => Assert.Null(OnnxHeader.ReadOpset(new MemoryStream("no graph"u8.ToArray())));
}
