// Programs that request the same mask from the server, with only the standard library of each language.

const quote = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);
const literal = JSON.stringify; // the same in Python, JavaScript and C#

/**
 * Each writes a request, {image, type, url, output, withKey}, as a program: the image's file and media type, the
 * address, the file for the answer, and whether the key of the environment variable KEY goes along.
 */
export const SNIPPETS = {
  curl: ({ image, type, url, output, withKey }) => [
    `curl --data-binary @${quote(image)}`,
    `-H ${quote(`Content-Type: ${type}`)}`,
    ...(withKey ? [`-H "Authorization: Bearer $KEY"`] : []),
    quote(url),
    `-o ${quote(output)}`,
  ].join(" \\\n  "),

  Python: ({ image, type, url, output, withKey }) => `${withKey ? "import os\n" : ""}import urllib.request

with open(${literal(image)}, "rb") as file:
    image = file.read()
headers = {"Content-Type": ${literal(type)}}${withKey ? `
headers["Authorization"] = "Bearer " + os.environ["KEY"]` : ""}
request = urllib.request.Request(
    ${literal(url)}, image, headers)
with urllib.request.urlopen(request) as response:
    answer = response.read()
with open(${literal(output)}, "wb") as file:
    file.write(answer)`,

  JavaScript: ({ image, type, url, output, withKey }) => `import { readFile, writeFile } from "node:fs/promises";

const response = await fetch(${literal(url)}, {
  method: "POST",
  headers: {
    "Content-Type": ${literal(type)},${withKey ? `
    Authorization: \`Bearer \${process.env.KEY}\`,` : ""}
  },
  body: await readFile(${literal(image)}),
});
if (!response.ok) {
  throw new Error(await response.text());
}
await writeFile(${literal(output)}, Buffer.from(await response.arrayBuffer()));`,

  "C#": ({ image, type, url, output, withKey }) => `using System.Net.Http.Headers;

using HttpClient client = new();${withKey ? `
client.DefaultRequestHeaders.Authorization =
    new("Bearer", Environment.GetEnvironmentVariable("KEY"));` : ""}
using ByteArrayContent image = new(await File.ReadAllBytesAsync(${literal(image)}));
image.Headers.ContentType = new MediaTypeHeaderValue(${literal(type)});
using HttpResponseMessage response = await client.PostAsync(
    ${literal(url)}, image);
response.EnsureSuccessStatusCode();
await File.WriteAllBytesAsync(
    ${literal(output)}, await response.Content.ReadAsByteArrayAsync());`,
};
