using System.Text;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Mutated multipart bodies.</summary>
internal sealed class FormCase(FuzzTarget target) : IFuzzCase
{
    private static readonly string[] Types =
    [
        "multipart/form-data; boundary=xyz", "multipart/form-data; boundary=\"xyz\"", "multipart/form-data",
        "multipart/form-data; boundary=", "multipart/form-data; boundary=abc",
        "multipart/form-data; boundary=\"\"", "multipart/mixed; boundary=xyz", "Multipart/Form-Data; charset=utf-8; boundary=xyz",
        "multipart/form-data; boundary=x=y/z:?", "multipart/form-data; boundary=a b; charset=utf-8", "multipart/form-data; boundary=\"x",
        "multipart/form-data; boundary=x\\y", "multipart/form-data;;boundary=xyz;", "multipart/; boundary=(x,y)",
    ];

    private static readonly byte[] Odd = [.. "=/:;\"\\,'()+_-.? boundary="u8];

    private static readonly string[] Paths = ["/v1/segment/tiny?format=raw", "/v1/segment/tiny-binary?format=cutout"];

    private static readonly byte[] Whole =
    [
        .. "--xyz\r\nContent-Disposition: form-data; name=\"background\"\r\n\r\n"u8,
        .. Seeds.Png,
        .. "\r\n--xyz\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n"u8,
        .. Seeds.Png,
        .. "\r\n--xyz--\r\n"u8,
    ];

    public string Kind => "form";

    public Task<FuzzOutcome> RunAsync(Random random, Action<byte[]> made)
    {
        byte[] bytes = Mutator.Mutate(random, Whole, Whole);
        string type = random.Next(4) > 0 ? Types[0] : random.Pick(Types);
        if (random.Next(20) == 0)
        {
            type += new string('a', random.Next(200));
        }

        if (random.Next(10) == 0)
        {
            byte[] mutated = Mutator.Mutate(random, Encoding.ASCII.GetBytes(random.Pick(Types)), Odd, mostSteps: 3);
            type = string.Concat(mutated.Where(b => b is >= 0x20 and < 0x7F).Select(b => (char)b)); // what Kestrel lets through
        }

        HttpRequestMessage request = new(HttpMethod.Post, random.Pick(Paths)) { Content = new ByteArrayContent(bytes) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", type);
        made([.. Encoding.UTF8.GetBytes(type + "\n"), .. bytes]);
        return Answers.SendAsync(target, request);
    }
}
