using System.Net.Http.Headers;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated images, to every form of mask.</summary>
internal sealed class ImageCase(FuzzTarget target) : IFuzzCase
{
    private static readonly string[] Routes =
    [
        "/v1/segment/tiny?format=raw", "/v1/segment/tiny", "/v1/segment/tiny?format=overlay",
        "/v1/segment/tiny?format=color", "/v1/segment/tiny?format=json",
        "/v1/segment/tiny?format=confidence", "/v1/segment/tiny-labels?format=raw",
        "/v1/segment/tiny-fixed?format=raw", "/v1/segment/tiny?refine=crf&crf.iterations=1&format=raw",
        "/v1/segment/tiny?format=coco-rle", "/v1/segment/tiny?format=polygons&tolerance=1",
        "/v1/segment/tiny?format=geojson", "/v1/segment/tiny?format=cog&confidence=true", "/v1/segment/tiny?format=masks",
        "/v1/segment/tiny?format=npy-probabilities",
        "/v1/segment/tiny?mode=slide&crop=16&format=raw", "/v1/segment/tiny?scales=0.5,1&flip=true&format=raw",
    ];

    public string Kind => "image";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        byte[] bytes = Mutator.Mutate(random, random.Pick(Seeds.Images), random.Pick(Seeds.Images));
        made(bytes);
        // Most go where nothing but the decoder costs time.
        HttpRequestMessage request = new(HttpMethod.Post, random.Next(3) > 0 ? Routes[0] : random.Pick(Routes))
        {
            Content = new ByteArrayContent(bytes),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("image/jpeg");
        return Answers.SendAsync(target, request);
    }
}
