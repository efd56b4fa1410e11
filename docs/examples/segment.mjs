// Segments images: node segment.mjs http://localhost:8080 street.jpg …
import { readFile, writeFile } from "node:fs/promises";

for (const photo of process.argv.slice(3)) {
  let response;
  while (true) {
    response = await fetch(`${process.argv[2]}/v1/segment?format=png`, { method: "POST", body: await readFile(photo) });
    if (![429, 502, 503].includes(response.status)) break;
    const seconds = Number(response.headers.get("Retry-After")) || 1; // full, loading or restarting: it says when to come again; a proxy may not
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
  if (!response.ok) throw new Error((await response.json()).detail);
  await writeFile(`${photo}.mask.png`, Buffer.from(await response.arrayBuffer()));
}
