using InferenceServer.Runtime.Buffers;

namespace InferenceServer.Bulk;

/// <summary>One of many images.</summary>
/// <param name="Index">Its place among them, from 0.</param>
/// <param name="Name">Its file's name, or the part's.</param>
/// <param name="Bytes">Its bytes, which whoever takes the image disposes.</param>
internal sealed record BulkImage(int Index, string Name, PooledBufferWriter Bytes);
