using System.Net;
using System.Net.Sockets;

namespace InferenceServer.Tests;

/// <summary>A server of a test's own, on a port that is free.</summary>
internal static class Loopback
{
    public static HttpListener Listen(out Uri address)
    {
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            address = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
        }

        HttpListener listener = new() { Prefixes = { address.ToString() } };
        listener.Start();
        return listener;
    }
}
