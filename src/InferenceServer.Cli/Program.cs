using InferenceServer.Cli.Hosting;

return await CommandLine.RunAsync(args);
