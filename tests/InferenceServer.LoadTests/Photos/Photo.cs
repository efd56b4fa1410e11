using InferenceServer.Kernels;

namespace InferenceServer.LoadTests.Photos;

/// <summary>A JPEG to send, and the size of what is in it.</summary>
internal sealed record Photo(ImageSize Size, byte[] Jpeg);
