// Segments images: node segment.mjs http://localhost:8080 street.jpg …
// The key, where the server needs one, is the environment variable INFERENCE_SERVER_KEY.
import { readFile, writeFile } from "node:fs/promises";

const key = process.env.INFERENCE_SERVER_KEY;
const headers = key ? { "X-API-Key": key } : {};
for (const photo of process.argv.slice(3)) {
  let response;
  while (true) {
    response = await fetch(`${process.argv[2]}/v1/segment?format=png`, { method: "POST", headers, body: await readFile(photo) });
    if (![429, 502, 503].includes(response.status)) break;
    const seconds = Number(response.headers.get("Retry-After")) || 1; // full, loading or restarting: it says when to come again; a proxy may not
    console.log(`${photo}: ${response.status}, again in ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
  if (!response.ok) throw new Error(`${photo}: ${await response.text()}`);
  const mask = Buffer.from(await response.arrayBuffer());
  await writeFile(`${photo}.mask.png`, mask);
  console.log(`${photo}.mask.png: ${mask.length} bytes by ${response.headers.get("X-Model")}`);
}
