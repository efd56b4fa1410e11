using BenchmarkDotNet.Running;

// dotnet run -c Release -- --filter '*UpsampledArgMax*'
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
