namespace InferenceServer.Runtime.Buffers;

/// <summary>Owns a value until <see cref="Release"/> hands the value over; a value that was not handed over is
/// disposed with this object.</summary>
/// <param name="value">The value, which this object owns.</param>
internal sealed class Owned<T>(T value) : IDisposable
    where T : class, IDisposable
{
    private T? _value = value;

    /// <summary>The value; this object still owns it.</summary>
    public T Value => _value ?? throw new ObjectDisposedException(nameof(Owned<T>));

    /// <summary>Hands the value over.</summary>
    /// <returns>The value; the caller disposes it.</returns>
    public T Release()
    {
        T value = Value;
        _value = null;
        return value;
    }

    /// <summary>Disposes the value, unless it was handed over.</summary>
    public void Dispose() => _value?.Dispose();
}

/// <summary>A list that owns its items and disposes them.</summary>
internal sealed class DisposableList<T> : List<T>, IDisposable
    where T : IDisposable
{
    /// <summary>Disposes all items.</summary>
    public void Dispose() => ForEach(item => item.Dispose());
}
