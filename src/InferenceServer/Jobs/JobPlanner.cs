using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.Runtime;
using InferenceServer.Runtime.Formats;
using InferenceServer.Runtime.Storage;
using Microsoft.Extensions.FileSystemGlobbing;
using Microsoft.Extensions.Options;

namespace InferenceServer.Jobs;

/// <summary>Lists the sources of a job and writes its plan.</summary>
internal sealed class JobPlanner(JobRecords records, JobPlaces places, IOptions<JobOptions> options)
{
    /// <summary>Written to the target when all images are answered.</summary>
    public const string AnswersFile = "answers.ndjson", FailuresFile = "failures.ndjson", SuccessFile = "_SUCCESS";

    /// <summary>Lists the sources.</summary>
    /// <param name="id">The job's ID.</param>
    /// <param name="request">Its request.</param>
    /// <param name="cancellationToken">Cancels listing.</param>
    /// <returns>The plan, which is stored.</returns>
    /// <exception cref="SegmentationException">There are no images, too many, or two whose masks would have the same
    /// key.</exception>
    /// <exception cref="StorageException">A store is away or refuses.</exception>
    public async Task<JobPlan> PlanAsync(string id, JobRequest request, CancellationToken cancellationToken)
    {
        HashSet<string> existing = await ExistingAsync(request.Target, cancellationToken);
        HashSet<string> outputs = []; // keys of one store are unique, those of several sources may not be
        bool mayCollide = request.Target is not null && (request.Sources.Count > 1 || request.Sources[0].Urls is not null);
        List<JobItem> page = [];
        int total = 0;
        for (int source = 0; source < request.Sources.Count; source++)
        {
            await foreach (JobItem item in ItemsAsync(request, source, cancellationToken))
            {
                if (total == options.Value.MaxImages)
                {
                    throw new SegmentationException(
                        SegmentationError.PayloadTooLarge,
                        $"Expected at most {options.Value.MaxImages:N0} images (Jobs:MaxImages), got more. Make several jobs.");
                }

                if (mayCollide && !outputs.Add(item.Output!))
                {
                    throw new SegmentationException(
                        SegmentationError.InvalidRequest,
                        $"sources: expected images whose masks have keys of their own, got two with the key '{item.Output}'. "
                        + "Make two jobs.");
                }

                page.Add(item with { Exists = item.Output is not null && existing.Contains(item.Output) });
                total++;
                if (page.Count == JobPlan.PageSize)
                {
                    await records.AddPageAsync(id, (total - 1) / JobPlan.PageSize, [.. page], cancellationToken);
                    page.Clear();
                }
            }
        }

        if (total == 0)
        {
            throw new SegmentationException(
                SegmentationError.InvalidRequest,
                "sources: expected at least one image, found none. Check the prefix and the glob.");
        }

        if (page.Count > 0)
        {
            await records.AddPageAsync(id, (total - 1) / JobPlan.PageSize, [.. page], cancellationToken);
        }

        JobPlan plan = JobPlan.Of(total);
        await records.AddPlanAsync(id, plan, cancellationToken);
        return plan;
    }

    // A mask of an earlier job may come from another model. Its _SUCCESS would say that this job has ended.
    private async Task<HashSet<string>> ExistingAsync(JobTarget? target, CancellationToken cancellationToken)
    {
        HashSet<string> existing = [];
        if (target is null)
        {
            return existing;
        }

        IObjectStore store = places.Open(target);
        await store.DeleteAsync(SuccessFile, cancellationToken);
        if (target.Existing != ExistingMask.Overwrite)
        {
            await foreach (StoredObject mask in store.ListAsync("", cancellationToken))
            {
                existing.Add(mask.Key);
            }
        }

        return existing;
    }

    private async IAsyncEnumerable<JobItem> ItemsAsync(
        JobRequest request, int number, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        JobSource source = request.Sources[number];
        MaskFormat? suffix = request.Target is null ? null : request.Settings.Format;
        if (source.Urls is { } urls)
        {
            foreach (string url in urls)
            {
                yield return new JobItem(url, url) { Source = number, Output = Output(KeyOf(new Uri(url))) };
            }

            yield break;
        }

        StoreLocation root = JobPlaces.Root(source), place = JobPlaces.Location(source);
        IObjectStore store = places.Open(source);
        string below = root == place ? "" : place.ToString()[$"{root.ToString().TrimEnd('/')}/".Length..];
        if (below.Length > 0 && await store.FindAsync(below, cancellationToken) is not null)
        {
            yield return Item(below, below);
            yield break;
        }

        string prefix = below.Length > 0 ? below + "/" : "";
        string own = request.Target is { } target ? $"{JobPlaces.Location(target)}/" : "\0";
        Matcher? glob = Glob(source.Glob);
        await foreach (StoredObject found in store.ListAsync(prefix, cancellationToken))
        {
            string key = found.Key[prefix.Length..];
            bool isOwnMask = Name(found.Key).StartsWith(own, StringComparison.Ordinal);
            if (!isOwnMask && glob?.Match(key).HasMatches is not false)
            {
                yield return Item(found.Key, key);
            }
        }

        JobItem Item(string key, string relative) => new(Name(key), key) { Source = number, Output = Output(relative) };

        string Name(string key) => $"{root.ToString().TrimEnd('/')}/{key}";

        string? Output(string key) => suffix is null ? null : key + suffix.Extension;
    }

    private static Matcher? Glob(string? glob)
    {
        if (glob is null)
        {
            return null;
        }

        Matcher matcher = new(StringComparison.Ordinal);
        matcher.AddInclude(glob.Contains('/', StringComparison.Ordinal) ? glob : "**/" + glob);
        return matcher;
    }

    // https://host/a/b.jpg?v=2 becomes host/a/b.jpg-HASH: the query may choose the image.
    private static string KeyOf(Uri url)
    {
        string path = Uri.UnescapeDataString(url.AbsolutePath);
        IEnumerable<string> names = path.Split('/', '\\')
            .Where(name => name is not ("" or "." or ".."))
            .Prepend(url.IdnHost);
        string key = string.Concat(string.Join('/', names).Where(c => !char.IsControl(c)));
        if (url.Query.Length == 0)
        {
            return key;
        }

        return $"{key}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(url.Query)).AsSpan(0, 4))}";
    }
}
