using System.CommandLine;

namespace InferenceServer.Cli.Work;

/// <summary><c>work</c>: works on the jobs of servers, without serving requests.</summary>
internal static class WorkCommand
{
    public static Command Create()
    {
        Command command = new(
            "work",
            "Work on jobs that servers accept. Takes the server's settings: at least --Jobs:Engine=Nats, --Jobs:Path, --Nats:Url "
            + "and --Models:Path, here or in the environment as Jobs__Engine and so on. Serves health and metrics alone.")
        {
            TreatUnmatchedTokensAsErrors = false,
        };
        command.SetAction((parsed, _) => Program.Main(["work", .. parsed.UnmatchedTokens]));
        return command;
    }
}
