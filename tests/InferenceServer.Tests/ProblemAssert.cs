using System.Net;
using System.Text.Json;

namespace InferenceServer.Tests;

/// <summary>Holds an answer against RFC 9457 and the server's own additions.</summary>
internal static class ProblemAssert
{
    /// <summary>The answer is a complete problem with this status.</summary>
    /// <returns>Its <c>detail</c>.</returns>
    public static async Task<string> IsAsync(HttpStatusCode status, HttpResponseMessage response)
    {
        string body = await response.Content.ReadAsStringAsync();
        Assert.True(status == response.StatusCode, $"Expected {status}, got {response.StatusCode}: {body}");
        Assert.Equal("application/problem+json", response.Content.Headers.ContentType?.MediaType);
        using JsonDocument document = JsonDocument.Parse(body);
        JsonElement problem = document.RootElement;
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        Assert.NotEqual("", problem.GetProperty("type").GetString());
        Assert.NotEqual("", problem.GetProperty("title").GetString());
        string detail = problem.GetProperty("detail").GetString()!;
        Assert.NotEqual("", detail);
        Assert.Equal(detail, problem.GetProperty("error").GetString());
        Assert.Equal(Assert.Single(response.Headers.GetValues("X-Request-Id")), problem.GetProperty("request_id").GetString());
        return detail;
    }
}
