using Grpc.AspNetCore.Server;
using Grpc.Core;
using Grpc.Reflection;
using InferenceServer.Auth;
using InferenceServer.Errors;
using InferenceServer.Health;
using InferenceServer.OpenInference.Grpc.Messages;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Admission;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;
using HealthService = Grpc.Health.V1.Health;
using ReflectionService = Grpc.Reflection.V1.ServerReflection;
using ReflectionServiceAlpha = Grpc.Reflection.V1Alpha.ServerReflection;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace InferenceServer.OpenInference.Grpc;

/// <summary>The framework's services of health and reflection, which need no key, and the limits of their
/// calls.</summary>
internal sealed class GrpcServices(IHostApplicationLifetime application, IOptions<SchedulingOptions> scheduling)
{
    /// <summary>The name of the inference service, which the framework does not map.</summary>
    public const string Inference = "inference.GRPCInferenceService";

    private const int Cancel = 8; // the error code of HTTP/2
    private const int MaxStreams = 1000; // about ten kilobytes each
    // A client sends all its requests over one stream.
    private static readonly TimeSpan ReflectionTimeout = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan WatchInterval = TimeSpan.FromSeconds(1);
    private static readonly ServiceDescriptor[] Described =
    [
        InferenceReflection.Descriptor.Services.Single(),
        HealthService.Descriptor,
        ReflectionService.Descriptor,
        ReflectionServiceAlpha.Descriptor,
    ];

    private readonly ConcurrencyLimit _streams = new(
        MaxStreams, "open streams of health and reflection", TimeSpan.FromSeconds(10), scheduling.Value.ClientShare);

    /// <summary>The names of all services.</summary>
    public static IEnumerable<string> Names => Described.Select(service => service.FullName);

    public static void Add(IServiceCollection services)
    {
        services.AddSingleton<GrpcServices>();
        services.AddSingleton<GrpcStream>();
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = SmallBody.MaxBytes;
            grpc.IgnoreUnknownServices = true; // otherwise the framework handles every path of two segments
        });
        // The package's own list lacks the inference service.
        services.AddSingleton(new ReflectionServiceImpl(Described));
        services.AddSingleton(new ReflectionV1ServiceImpl(Described));
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks(health =>
        {
            health.Services.Map(Inference, _ => true);
            // RunAsync completes the watches: the package leaks memory for each watch.
            health.SuppressCompletionOnShutdown = true;
        }).AddCheck<ReadinessCheck>("ready");
        services.Configure<HealthCheckPublisherOptions>(publisher => publisher.Delay = publisher.Period = WatchInterval);
    }

    /// <summary>Limits the calls of a service: the number of open streams, and the time of each call except
    /// Watch.</summary>
    public void Limit(IEndpointConventionBuilder service) => service.WithMetadata(GrpcProblem.Instance).Add(endpoint =>
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
            GrpcTimeout.Shorten(http.Request, type == MethodType.Unary ? SmallBody.Timeout : ReflectionTimeout);
        }

        using IDisposable? waiting = type == MethodType.Unary ? SmallBody.Wait() : null;
        IDisposable? permit = null;
        if (type != MethodType.Unary && !_streams.TryEnter(Caller.Client(http), out permit, out SegmentationException? refusal))
        {
            await Problem.WriteAsync(http, refusal);
            return;
        }

        using IDisposable? held = permit;
        CancellationToken aborted = http.RequestAborted;
        using CancellationTokenSource end = CancellationTokenSource.CreateLinkedTokenSource(aborted, application.ApplicationStopping);
        http.RequestAborted = end.Token;
        IHttpResetFeature? stream = http.Features.Get<IHttpResetFeature>();
        await using Timer late = new(_ => stream?.Reset(Cancel), null, Timeout.Infinite, Timeout.Infinite);
        if (type == MethodType.ServerStreaming)
        {
            // Limits the arrival of the request's message; the first response follows at once.
            late.Change(SmallBody.Timeout, Timeout.InfiniteTimeSpan);
            http.Response.OnStarting(() => late.DisposeAsync().AsTask());
        }

        try
        {
            await call(http);
        }
        finally
        {
            await end.CancelAsync(); // the package drops a watch when its token is cancelled
            http.RequestAborted = aborted;
        }
    }
}
