// What of kustomize the manifests here use: resources, components, patches (strategic merge from a file; JSON patch with `remove`), image tags.
// Anything else in a kustomization.yaml is an error, so that this never renders less than kustomize would.
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

const known = new Set(["apiVersion", "kind", "resources", "components", "patches", "images"]);
const mergeKeys = { containers: "name", env: "name", volumes: "name", volumeMounts: "mountPath" };

export function build(folder, above = []) {
  const file = join(folder, "kustomization.yaml");
  const kustomization = parse(readFileSync(file, "utf8"));
  for (const key of Object.keys(kustomization)) {
    if (!known.has(key)) throw new Error(`${file}: ${key} is more of kustomize than this renderer knows`);
  }
  let resources = [...above];
  for (const entry of kustomization.resources ?? []) {
    const path = join(folder, entry);
    if (!existsSync(path)) throw new Error(`${file}: ${entry} is not there`);
    resources.push(...(statSync(path).isDirectory() ? build(path) : read(path)));
  }
  for (const entry of kustomization.components ?? []) resources = build(join(folder, entry), resources);
  for (const patch of kustomization.patches ?? []) {
    if (patch.path) {
      for (const change of read(join(folder, patch.path))) {
        const target = find(resources, change.kind, change.metadata.name, file);
        resources[resources.indexOf(target)] = merge(target, change);
      }
    } else {
      const target = resources.find((r) => r.kind === patch.target.kind && r.metadata.name === patch.target.name);
      for (const { op, path } of target ? parse(patch.patch) : []) {
        if (op !== "remove") throw new Error(`${file}: ${op} is more of JSON patch than this renderer knows`);
        const keys = path.split("/").slice(1);
        const parent = keys.slice(0, -1).reduce((node, key) => node[key], target);
        if (!(keys.at(-1) in parent)) throw new Error(`${file}: there is no ${path} to remove`);
        delete parent[keys.at(-1)];
      }
    }
  }
  for (const { name, newTag, newName } of kustomization.images ?? []) {
    for (const container of resources.flatMap((r) => r.spec?.template?.spec?.containers ?? [])) {
      const [image, tag] = container.image.split(":");
      if (image === name) container.image = `${newName ?? image}:${newTag ?? tag}`;
    }
  }
  return resources;
}

export const read = (path) => parseAllDocuments(readFileSync(path, "utf8")).map((d) => {
  if (d.errors.length) throw new Error(`${path}: ${d.errors[0].message}`);
  return d.toJS();
}).filter(Boolean).map((d) => JSON.parse(JSON.stringify(d))); // aliases become copies: a change to one must not change all

function find(resources, kind, name, file) {
  const found = resources.find((r) => r.kind === kind && r.metadata.name === name);
  if (!found) throw new Error(`${file}: there is no ${kind} ${name} to patch`);
  return found;
}

function merge(base, change, key) {
  if (change === null) return undefined;
  if (Array.isArray(change)) {
    const by = mergeKeys[key];
    if (!by || !Array.isArray(base)) return change;
    const rest = change.filter((c) => !base.some((b) => b[by] === c[by]));
    return [...base.map((b) => merge(b, change.find((c) => c[by] === b[by]) ?? {})), ...rest];
  }
  if (typeof change !== "object" || typeof base !== "object" || base === null) return change;
  const result = { ...base };
  for (const [k, value] of Object.entries(change)) {
    const merged = merge(base[k], value, k);
    if (merged === undefined) delete result[k];
    else result[k] = merged;
  }
  return result;
}
