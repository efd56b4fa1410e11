using InferenceServer.Auth;
using InferenceServer.Bulk;
using InferenceServer.Dialects.Cvat;
using InferenceServer.Dialects.HuggingFace;
using InferenceServer.Dialects.LabelStudio;
using InferenceServer.Dialects.Rembg;
using InferenceServer.Dialects.XAnyLabeling;
using InferenceServer.Errors;
using InferenceServer.Fetching;
using InferenceServer.Health;
using InferenceServer.Hosting;
using InferenceServer.Jobs;
using InferenceServer.Models;
using InferenceServer.OpenApi;
using InferenceServer.OpenInference;
using InferenceServer.OpenInference.Grpc;
using InferenceServer.Playground;
using InferenceServer.Refine;
using InferenceServer.Runtime;
using InferenceServer.Segment;
using InferenceServer.Telemetry;
using InferenceServer.Tls;

namespace InferenceServer;

/// <summary>The server's program.</summary>
public sealed class Program
{
    private Program()
    {
    }

    /// <summary>Serves, asks a server for its health, or works on jobs alone.</summary>
    /// <param name="args">The arguments; <c>--help</c> explains them.</param>
    /// <returns>The exit code: 0 after a stop, 1 after an error, 2 after wrong arguments of a command.</returns>
    public static async Task<int> Main(string[] args)
    {
        if (args is [HealthCommand.Name, .. var rest])
        {
            IConfiguration environment = new ConfigurationBuilder().AddEnvironmentVariables("ASPNETCORE_").Build();
            return await HealthCommand.RunAsync(
                rest, Environment.GetEnvironmentVariable("Hosting__ManagementUrl") ?? environment["urls"],
                environment["http_ports"]);
        }

        bool worksAlone = args is [WorkCommand.Name, ..];
        return StartUp.Run(() =>
        {
            Arguments arguments = Arguments.Parse(worksAlone ? args[1..] : args);
            WebApplicationBuilder builder = WebApplication.CreateBuilder(new WebApplicationOptions
            {
                Args = arguments.Settings,
                // appsettings.json lies beside the program; models are found from the working directory.
                ContentRootPath = AppContext.BaseDirectory,
            });

            builder.AddLogging();
            builder.AddLimits();
            builder.AddManagementAddress();
            builder.AddPublicAddress();
            builder.AddPlainHttp2();
            builder.AddTls();
            builder.AddDrain();
            builder.AddOpenInference();
            builder.Services.AddSegmentation(builder.Configuration).Configure<SegmentationOptions>(options => options.OwnsProcess = true);
            builder.Services.AddSingleton<ModelLifecycle>();
            builder.Services.AddSingleton<SegmentHandler>();
            builder.Services.AddSingleton<RequestImageReader>();
            builder.Services.AddSingleton<RefineFormReader>();
            builder.Services.AddBulk();
            builder.Services.AddJobs();
            builder.Services.AddFetching();
            builder.Services.AddLabelStudio();
            builder.Services.AddCvat();
            builder.Services.AddAuth();
            builder.Services.AddContentTypes();
            builder.Services.AddCompression();
            builder.AddTelemetry();
            builder.Services.AddProblems();
            builder.Services.AddOpenApiDocument();

            if (arguments.Answer(builder.Services))
            {
                return;
            }

            builder.RefuseUnknownSettings(arguments);
            WebApplication app = builder.Build();
            if (worksAlone)
            {
                app.RunWorker();
                return;
            }

            app.UsePublicAddress();
            app.UseRequestLog();
            app.UseObservation();
            app.UseDrain();
            app.UseSecurityHeaders();
            app.UseProblems();
            app.UseManagementAddress();
            app.UseOrigins();
            app.UseAuth();
            PacedBody.Watch(app);
            app.UseContentTypes();
            app.UseCompression();
            app.UseSwagger();
            app.UseSwaggerUI(ui => ui.DefaultModelsExpandDepth(-1));
            app.UsePlayground();
            app.MapSegment();
            app.MapBulk();
            app.MapRefine();
            app.MapJobs();
            app.MapHuggingFace();
            app.MapLabelStudio();
            app.MapCvat();
            app.MapRembg();
            app.MapXAnyLabeling();
            app.MapModels();
            app.MapOpenInference();
            app.MapGrpc();
            app.MapHealth();
            app.MapMetrics();

            app.RunAndDrain();
        });
    }
}
