using InferenceServer.LoadTests.Contenders;
using InferenceServer.LoadTests.Photos;

namespace InferenceServer.LoadTests.Compare;

/// <summary>Whether a peer does the same job: the share of pixels to which it gives the class that the server gives.</summary>
internal static class Agreement
{
    /// <returns>Over all pixels of <paramref name="photos"/>, 0 to 1.</returns>
    public static async Task<double> MeasureAsync(HttpContender server, HttpContender peer, PhotoSet photos)
    {
        (long same, long all) = (0, 0);
        foreach (Photo photo in photos.Photos)
        {
            byte[] ours = Mask.Read(await server.Client.MaskAsync(photo).ConfigureAwait(false));
            byte[] theirs = Mask.Read(await peer.Client.MaskAsync(photo).ConfigureAwait(false));
            if (ours.Length != theirs.Length)
            {
                throw new InvalidOperationException($"{peer.Name} answers a photograph of {photo.Size} with a mask of another size.");
            }

            same += ours.Zip(theirs).LongCount(p => p.First == p.Second);
            all += ours.Length;
        }

        return (double)same / all;
    }
}
