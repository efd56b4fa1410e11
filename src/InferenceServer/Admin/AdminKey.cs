using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using InferenceServer.Problems;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace InferenceServer.Admin;

/// <summary>Lets a request pass that bears the admin key.</summary>
internal sealed class AdminKey(IOptions<AdminOptions> options) : IEndpointFilter
{
    private const string Scheme = "Bearer";
    private const string HashPrefix = "sha256:";
    private readonly byte[]? _hash = Hash(options.Value.Key);

    public ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        HttpContext http = context.HttpContext;
        if (_hash is null)
        {
            return ValueTask.FromResult<object?>(new ProblemResult(
                StatusCodes.Status403Forbidden, "admin-key-not-configured", "Changing what is served is switched off; set Admin:Key (or Admin__Key in the environment) to a secret to switch it on."));
        }

        if (IsRight(http.Request.Headers.Authorization))
        {
            return next(context);
        }

        http.Response.Headers[HeaderNames.WWWAuthenticate] = Scheme + " realm=\"admin\"";
        return ValueTask.FromResult<object?>(new ProblemResult(
            StatusCodes.Status401Unauthorized, "unauthorized", "Send the admin key as 'Authorization: Bearer KEY'."));
    }

    // Hashes are compared, of equal length and in constant time, so that no answer tells how much of a guess was right.
    private bool IsRight(string? authorization) =>
        AuthenticationHeaderValue.TryParse(authorization, out AuthenticationHeaderValue? header)
        && header.Scheme.Equals(Scheme, StringComparison.OrdinalIgnoreCase)
        && CryptographicOperations.FixedTimeEquals(SHA256.HashData(Encoding.UTF8.GetBytes(header.Parameter ?? "")), _hash);

    private static byte[]? Hash(string? key) =>
        string.IsNullOrEmpty(key) ? null
        : key.StartsWith(HashPrefix, StringComparison.Ordinal) ? Convert.FromHexString(key.AsSpan(HashPrefix.Length))
        : SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
