using Microsoft.Extensions.Options;

namespace InferenceServer.Runtime.Scheduling;

/// <summary>Counts the requests in the server and refuses what is too much, before any work is done for it.</summary>
public sealed class Admission(IOptions<SchedulingOptions> options)
{
    private readonly int _limit = options.Value.MaxRequests;
    private int _requests;

    /// <summary>Requests in the server now.</summary>
    public int Requests => Volatile.Read(ref _requests);

    /// <summary>Lets one request in, unless the server is full.</summary>
    /// <param name="permit">Held until the request's answer is complete, then disposed.</param>
    public bool TryEnter(out Permit permit)
    {
        if (Interlocked.Increment(ref _requests) <= _limit)
        {
            permit = new Permit(this);
            return true;
        }

        Interlocked.Decrement(ref _requests);
        permit = default;
        return false;
    }

    /// <summary>One request's place in the server.</summary>
    public readonly struct Permit : IDisposable
    {
        private readonly Admission? _admission;

        internal Permit(Admission admission) => _admission = admission;

        /// <summary>Leaves the server; called once.</summary>
        public void Dispose()
        {
            if (_admission is not null)
            {
                Interlocked.Decrement(ref _admission._requests);
            }
        }
    }
}
