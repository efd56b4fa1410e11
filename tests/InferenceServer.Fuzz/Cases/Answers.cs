using System.Text.Json;

namespace InferenceServer.Fuzz.Cases;

/// <summary>Judges the server's answers: a mask, or a complete problem that is the caller's.</summary>
internal static class Answers
{
    public static async Task<FuzzOutcome> SendAsync(FuzzTarget target, HttpRequestMessage request)
    {
        using (request)
        {
            using HttpResponseMessage response = await target.Client.SendAsync(request);
            return await JudgeAsync(response);
        }
    }

    public static async Task<FuzzOutcome> JudgeAsync(HttpResponseMessage response)
    {
        int status = (int)response.StatusCode;
        byte[] body = await response.Content.ReadAsByteArrayAsync();
        string? finding = status >= 500 && status is not (501 or 503 or 504) ? System.Text.Encoding.UTF8.GetString(body)
            : status >= 400 && !IsProblem(body, status) ? $"{status} without a problem: {System.Text.Encoding.UTF8.GetString(body)}"
            : null;
        return new FuzzOutcome($"{status}", finding);
    }

    private static bool IsProblem(byte[] body, int status)
    {
        try
        {
            using JsonDocument problem = JsonDocument.Parse(body);
            return problem.RootElement.GetProperty("status").GetInt32() == status
                && problem.RootElement.GetProperty("error").GetString() is { Length: > 0 };
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException)
        {
            return false;
        }
    }
}
