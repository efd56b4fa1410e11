// Segments photographs: node segment.mjs http://localhost:8080 street.jpg …
import { readFile, writeFile } from "node:fs/promises";

for (const photo of process.argv.slice(3)) {
  let response;
  while (true) {
    response = await fetch(`${process.argv[2]}/v1/segment?format=png`, { method: "POST", body: await readFile(photo) });
    if (response.status !== 429 && response.status !== 503) break; // else full, or loading: it says when to come again
    await new Promise((resolve) => setTimeout(resolve, 1000 * response.headers.get("Retry-After")));
  }
  if (!response.ok) throw new Error((await response.json()).detail);
  await writeFile(`${photo}.mask.png`, Buffer.from(await response.arrayBuffer()));
}
