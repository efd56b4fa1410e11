using System.CommandLine;
using Spectre.Console;

namespace InferenceServer.Cli.Hosting;

/// <summary>Writes results to the standard output, and progress and messages to the standard error, so that a pipe
/// receives only results.</summary>
internal sealed class Terminal
{
    // Without a terminal Spectre would wrap tables at 80 columns.
    private const int RedirectedWidth = 200;

    private readonly Lock _lock = new();
    private readonly TextWriter _output;
    private bool _hasBar;

    private Terminal(TextWriter output, TextWriter error)
    {
        _output = output;
        Out = Create(output);
        Error = Create(error);
    }

    /// <summary>The console for results.</summary>
    public IAnsiConsole Out { get; }

    /// <summary>The console for progress and messages.</summary>
    public IAnsiConsole Error { get; }

    public static Terminal For(ParseResult parsed) =>
        new(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);

    /// <summary>Writes a line of results, never wrapped but above a progress bar.</summary>
    public void Result(string line) => Write(line, Out);

    /// <summary>Writes a message.</summary>
    public void Note(string line) => Write(line, Error);

    /// <summary>Reads the whole standard input.</summary>
    public static async Task<byte[]> ReadAsync(CancellationToken cancellationToken)
    {
        await using Stream input = Console.OpenStandardInput();
        using MemoryStream bytes = new();
        await input.CopyToAsync(bytes, cancellationToken).ConfigureAwait(false);
        return bytes.ToArray();
    }

    /// <summary>Writes bytes to the standard output.</summary>
    public async Task WriteAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await _output.FlushAsync(cancellationToken).ConfigureAwait(false);
        await using Stream output = Console.OpenStandardOutput();
        await output.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Runs <paramref name="work"/> with a progress bar, which appears only on a terminal and for several
    /// steps.</summary>
    /// <param name="description">The bar's label.</param>
    /// <param name="steps">How often <paramref name="work"/> calls the given action.</param>
    /// <param name="work">The work.</param>
    public async Task TrackAsync(string description, int steps, Func<Action, Task> work)
    {
        if (steps < 2 || !Error.Profile.Capabilities.Interactive)
        {
            await work(static () => { }).ConfigureAwait(false);
            return;
        }

        await Error.Progress()
            .AutoClear(true)
            .Columns(
                new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(description), maxValue: steps);
                _hasBar = true;
                try
                {
                    await work(() => task.Increment(1)).ConfigureAwait(false);
                }
                finally
                {
                    _hasBar = false;
                }
            })
            .ConfigureAwait(false);
    }

    // On a terminal the bar's console writes above the bar; a line past it would break the bar.
    private void Write(string line, IAnsiConsole console)
    {
        lock (_lock)
        {
            if (_hasBar && console.Profile.Out.IsTerminal)
            {
                Error.WriteLine(line);
                return;
            }

            console.Profile.Out.Writer.WriteLine(line);
        }
    }

    private static IAnsiConsole Create(TextWriter writer)
    {
        AnsiConsoleOutput output = new(writer);
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = output });
        if (!output.IsTerminal)
        {
            console.Profile.Width = RedirectedWidth;
            console.Profile.Capabilities.Interactive = false;
        }

        return console;
    }
}
