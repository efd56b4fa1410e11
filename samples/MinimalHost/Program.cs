using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

HostApplicationBuilder builder = Host.CreateApplicationBuilder();
builder.Services.AddSegmentation(options => options.Models.Path = args[0]); // a folder with one folder for each model
using IHost host = builder.Build();
await host.StartAsync(); // loads the models, and follows changes in their folder

ISegmenter segmenter = host.Services.GetRequiredService<ISegmenter>();
byte[] image = await File.ReadAllBytesAsync(args[2]);
byte[] mask = await segmenter.SegmentAsync(model: args[1], image, MaskFormat.Png);
await File.WriteAllBytesAsync(args[3], mask);

await host.StopAsync();
