using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Reflection;
using InferenceServer.Errors;
using InferenceServer.Health;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using HealthService = Grpc.Health.V1.Health;
using ReflectionService = Grpc.Reflection.V1.ServerReflection;
using ReflectionServiceAlpha = Grpc.Reflection.V1Alpha.ServerReflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The framework's services of health and reflection, and the bounds of their calls, which anybody may make.</summary>
internal sealed class GrpcServices(IHostApplicationLifetime application)
{
    /// <summary>The service that is mapped by hand.</summary>
    public const string Inference = "inference.GRPCInferenceService";

    private const int Cancelled = 8; // an error code of HTTP/2
    private const int MaxStreams = 1000; // that wait for the server's health to change; each holds some ten kilobytes
    private static readonly TimeSpan ReflectionPatience = TimeSpan.FromMinutes(1); // a client asks what it wants to know on one stream
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);
    private static readonly ServiceDescriptor[] Described =
        [InferenceReflection.Descriptor.Services.Single(), HealthService.Descriptor, ReflectionService.Descriptor, ReflectionServiceAlpha.Descriptor];

    private int _streams;

    /// <summary>All services of the server.</summary>
    public static IEnumerable<string> Names => Described.Select(service => service.FullName);

    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<GrpcServices>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = SmallBody.MaxBytes;
            grpc.IgnoreUnknownServices = true; // else it answers at every address of two parts
        });
        services.AddSingleton(new ReflectionServiceImpl(Described)); // what is mapped by hand, it would not find
        services.AddSingleton(new ReflectionV1ServiceImpl(Described));
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks(health =>
        {
            health.Services.Map(Inference, _ => true);
            health.SuppressCompletionOnShutdown = true; // it would hold on to each stream until the server stops; Bound ends them
        }).AddCheck<ReadinessCheck>("ready");
        services.Configure<HealthCheckPublisherOptions>(publisher => publisher.Delay = publisher.Period = WatchInterval);
    }

    /// <summary>Gives the calls of a service their bounds: so many streams at once, a deadline for what is no watch, and the server's own end.</summary>
    public void Bound(IEndpointConventionBuilder service) => service.WithMetadata(GrpcProblem.Instance).Add(endpoint =>
    {
        RequestDelegate call = endpoint.RequestDelegate!;
        MethodType type = endpoint.Metadata.OfType<GrpcMethodMetadata>().SingleOrDefault()?.Method.Type ?? MethodType.Unary;
        endpoint.RequestDelegate = http => RunAsync(http, call, type);
    });

    private async Task RunAsync(HttpContext http, RequestDelegate call, MethodType type)
    {
        if (!GrpcMessage.IsCall(http))
        {
            await Problem.WriteAsync(http, GrpcCall.NoCall());
            return;
        }

        if (type != MethodType.ServerStreaming)
        {
            GrpcTimeout.Shorten(http.Request, type == MethodType.Unary ? SmallBody.Patience : ReflectionPatience);
        }

        bool isStream = type != MethodType.Unary;
        if (isStream && Interlocked.Increment(ref _streams) > MaxStreams)
        {
            Interlocked.Decrement(ref _streams);
            await Problem.WriteAsync(http, Full());
            return;
        }

        CancellationToken aborted = http.RequestAborted;
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(aborted, application.ApplicationStopping);
        http.RequestAborted = end.Token;
        await using Timer late = new(reset => ((IHttpResetFeature?)reset)?.Reset(Cancelled), http.Features.Get<IHttpResetFeature>(), Timeout.Infinite, Timeout.Infinite);
        if (type == MethodType.ServerStreaming)
        {
            late.Change(SmallBody.Patience, Timeout.InfiniteTimeSpan); // to say what to watch; the first answer follows at once
            http.Response.OnStarting(() => late.DisposeAsync().AsTask());
        }

        try
        {
            await call(http);
        }
        finally
        {
            await end.CancelAsync(); // a watch is forgotten when its token says so
            http.RequestAborted = aborted;
            if (isStream)
            {
                Interlocked.Decrement(ref _streams);
            }
        }
    }

    private static SegmentationException Full() =>
        new(SegmentationError.Overloaded, $"Server busy: {MaxStreams:N0} calls of health and reflection are open. Retry later; Check is always answered.") { RetryAfter = TimeSpan.FromSeconds(10) };
}
