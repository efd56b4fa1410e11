// What of Helm's templates the chart here uses: `if`, `if not` and `if eq` over a value, `range $i, $x :=` over a list, `define`, `include`, `toYaml`, `nindent`,
// `quote`, values, comments, and white space trimmed by `-`. Anything else is an error. It does not replace `helm lint`; it keeps the chart renderable where there is no helm.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments, stringify } from "yaml";

export function template(chart, overrides = {}, release = "inference-server") {
  const values = merge(parse(readFileSync(join(chart, "values.yaml"), "utf8")), overrides);
  const { name, version } = parse(readFileSync(join(chart, "Chart.yaml"), "utf8"));
  const scope = { Values: values, Release: { Name: release, Service: "Helm" }, Chart: { Name: name, Version: version } };
  const folder = join(chart, "templates");
  const files = readdirSync(folder).sort();
  const defined = new Map();
  for (const file of files.filter((f) => f.endsWith(".tpl"))) render(parseTemplate(readFileSync(join(folder, file), "utf8"), file), scope, defined);
  const resources = files.filter((f) => f.endsWith(".yaml")).flatMap((file) => {
    const text = render(parseTemplate(readFileSync(join(folder, file), "utf8"), file), scope, defined);
    return parseAllDocuments(text).map((d) => {
      if (d.errors.length) throw new Error(`${file} renders to what is no YAML: ${d.errors[0].message}\n${text}`);
      return d.toJS();
    }).filter(Boolean);
  });
  return { values, resources };
}

function parseTemplate(text, file) {
  const root = { body: [] };
  const open = [root];
  let rest = text;
  for (let tag; (tag = /\{\{(-?)\s*([\s\S]*?)\s*(-?)\}\}/.exec(rest)); ) {
    let before = rest.slice(0, tag.index);
    rest = rest.slice(tag.index + tag[0].length);
    if (tag[1]) before = before.trimEnd();
    if (tag[3]) rest = rest.trimStart();
    open.at(-1).body.push(before);
    const [word] = tag[2].split(/\s+/);
    if (word.startsWith("/*")) continue;
    if (word === "if" || word === "define" || word === "range") {
      const node = { word, argument: tag[2].slice(word.length).trim(), body: [] };
      open.at(-1).body.push(node);
      open.push(node);
    } else if (word === "end") {
      open.pop();
      if (!open.length) throw new Error(`${file}: an end too many`);
    } else {
      open.at(-1).body.push({ word: "print", argument: tag[2] });
    }
  }
  if (open.length !== 1) throw new Error(`${file}: an end is missing`);
  root.body.push(rest);
  return root;
}

function render(node, scope, defined) {
  return node.body.map((part) => {
    if (typeof part === "string") return part;
    if (part.word === "print") return String(pipeline(part.argument, scope, defined));
    if (part.word === "define") {
      defined.set(JSON.parse(part.argument), part);
      return "";
    }
    if (part.word === "range") {
      const [, index, item, path] = /^(?:(\$\w+),\s*)?(\$\w+)\s*:=\s*(\S+)$/.exec(part.argument) ?? unknown(part.argument);
      return look(path, scope).map((x, i) => render(part, { ...scope, [index ?? "$_"]: i, [item]: x }, defined)).join("");
    }
    return holds(part.argument, scope) ? render(part, scope, defined) : "";
  }).join("");
}

function holds(condition, scope) {
  const [, same, word] = /^eq\s+(\S+)\s+("[^"]*")$/.exec(condition) ?? [];
  if (same) return look(same, scope) === JSON.parse(word);
  const [, not, path] = /^(not\s+)?(\S+)$/.exec(condition) ?? unknown(condition);
  const value = look(path, scope);
  const isThere = Array.isArray(value) ? value.length > 0 : value && typeof value === "object" ? Object.keys(value).length > 0 : Boolean(value);
  return isThere !== Boolean(not);
}

function pipeline(text, scope, defined) {
  return text.split("|").map((t) => t.trim()).reduce((value, step) => {
    const [word, ...rest] = step.split(/\s+/);
    if (word === "include" && rest[1] === ".") return render(defined.get(JSON.parse(rest[0])) ?? unknown(step), scope, defined);
    if (word === "toYaml" && rest.length === 1) return stringify(look(rest[0], scope)).trimEnd();
    if (word === "nindent" && rest.length === 1) return "\n" + value.split("\n").map((l) => (l ? " ".repeat(Number(rest[0])) + l : l)).join("\n");
    if (word === "quote" && !rest.length) return JSON.stringify(String(value));
    return /^[.$]/.test(word) && !rest.length ? look(word, scope) : unknown(step);
  }, undefined);
}

function look(path, scope) {
  const [first, ...keys] = path.split(".");
  const root = first === "" || first === "$" ? scope : first in scope ? scope[first] : unknown(path);
  return keys.reduce((node, key) => {
    if (node === null || typeof node !== "object" || !(key in node)) throw new Error(`there is no value ${path}`);
    return node[key];
  }, root);
}

function unknown(what) {
  throw new Error(`"${what}" is more of Helm than this renderer knows`);
}

function merge(base, change) {
  if (typeof change !== "object" || change === null || Array.isArray(change) || typeof base !== "object" || base === null) return change;
  return Object.fromEntries([...new Set([...Object.keys(base), ...Object.keys(change)])].map((k) => [k, k in change ? merge(base[k], change[k]) : base[k]]));
}
