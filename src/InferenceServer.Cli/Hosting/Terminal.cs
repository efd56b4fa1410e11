using System.CommandLine;
using Spectre.Console;

namespace InferenceServer.Cli.Hosting;

/// <summary>Writes results to the standard output, and progress and messages to the standard error, so that a pipe
/// receives only results.</summary>
internal sealed class Terminal
{
    // Without a terminal Spectre would wrap tables at 80 columns.
    private const int RedirectedWidth = 200;

    private Terminal(TextWriter output, TextWriter error)
    {
        Out = Create(output);
        Error = Create(error);
    }

    /// <summary>The console for results.</summary>
    public IAnsiConsole Out { get; }

    /// <summary>The console for progress and messages.</summary>
    public IAnsiConsole Error { get; }

    public static Terminal For(ParseResult parsed) =>
        new(parsed.InvocationConfiguration.Output, parsed.InvocationConfiguration.Error);

    /// <summary>Writes a line of results, never wrapped.</summary>
    public void Result(string line) => Out.Profile.Out.Writer.WriteLine(line);

    /// <summary>Writes a message.</summary>
    public void Note(string line) => Error.Profile.Out.Writer.WriteLine(line);

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
            .StartAsync(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(description), maxValue: steps);
                return work(() => task.Increment(1));
            })
            .ConfigureAwait(false);
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
