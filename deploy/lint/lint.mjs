// node deploy/lint/lint.mjs: renders the overlays, the components and the chart, and holds them against
//  - the schemas of Kubernetes and of the Gateway API (npm packages kubernetes-models and @kubernetes-models/gateway-api), with unknown keys refused;
//  - the rules of rules.mjs: security, probes, the drain, and that what names another resource names one that is there;
//  - each other: the chart with its default values is the overlay cpu;
//  - compose.yaml against the files that it mounts;
//  - kubectl's own rendering, where there is a kubectl.
// ServiceMonitor, ScaledObject and KServe's kinds have no schema here; of them only the shape that rules.mjs knows is looked at.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import Ajv from "ajv";
import { parse } from "yaml";
import { template } from "./helm.mjs";
import { build, read } from "./kustomize.mjs";
import { drainSeconds, rules } from "./rules.mjs";
import { schemaErrors } from "./schemas.mjs";

const deploy = join(dirname(fileURLToPath(import.meta.url)), "..");
const chart = join(deploy, "helm", "inference-server");
const kubernetes = join(deploy, "kubernetes");
let failures = 0;

function report(what, errors) {
  failures += errors.length;
  console.log(`${errors.length ? "FAILED" : "ok    "} ${what}`);
  for (const error of errors) console.log(`       ${error}`);
}

async function attempt(what, check) {
  try {
    report(what, await check());
  } catch (error) {
    report(what, [error.message]);
  }
}

async function look(resources) {
  return [...(await Promise.all(resources.map(schemaErrors))).flat(), ...rules(resources)];
}

const components = ["hpa", "keda", "monitoring", "gateway", "grpc"];
for (const overlay of ["cpu", "gpu"]) {
  const folder = join(kubernetes, "overlays", overlay);
  await attempt(`overlay ${overlay}`, () => look(build(folder)));
  for (const component of components) {
    await attempt(`overlay ${overlay} with ${component}`, () => look(build(join(kubernetes, "components", component), build(folder))));
  }
}
await attempt("kserve", () => look(["serving-runtime.yaml", "inference-service.yaml"].flatMap((f) => read(join(kubernetes, "kserve", f)))));

const validate = new Ajv({ allErrors: true, strict: false }).compile(JSON.parse(readFileSync(join(chart, "values.schema.json"), "utf8")));
const variants = {
  "default values": {},
  hpa: { hpa: { enabled: true } },
  keda: { keda: { enabled: true } },
  everything: { serviceMonitor: { enabled: true }, grpc: { enabled: true }, gateway: { enabled: true }, hpa: { enabled: true }, env: [{ name: "Models__Default", value: "road" }], models: { claim: "models" } },
  gpu: { image: { tag: "gpu" }, resources: { limits: { "nvidia.com/gpu": "1" } }, tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }], rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }, nodeSelector: { gpu: "yes" } },
};
for (const [name, overrides] of Object.entries(variants)) {
  await attempt(`chart, ${name}`, async () => {
    const { values, resources } = template(chart, overrides);
    return [...(validate(values) ? [] : validate.errors.map((e) => `values${e.instancePath} ${e.message}`)), ...(await look(resources))];
  });
}
const refused = { "a key that is not there": { replica: 2 }, "no replicas": { replicas: 0 }, "two that scale": { hpa: { enabled: true }, keda: { enabled: true } }, "memory in words": { resources: { limits: { memory: "much" } } } };
for (const [name, overrides] of Object.entries(refused)) {
  await attempt(`values.schema.json refuses ${name}`, () => (validate({ ...parse(readFileSync(join(chart, "values.yaml"), "utf8")), ...overrides }) ? ["it did not"] : []));
}

// The two ways to the same cluster stay the same.
const plain = (resources) => Object.fromEntries(resources.map((r) => {
  const { "helm.sh/chart": _, "app.kubernetes.io/managed-by": __, ...labels } = r.metadata.labels;
  return [r.kind, { ...r, metadata: { ...r.metadata, labels } }];
}));
const sameAs = (one, other) => {
  const [left, right] = [plain(one), plain(other)];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((k) => !isDeepStrictEqual(left[k], right[k])).map((k) => `${k} differs`);
};
const cpu = () => build(join(kubernetes, "overlays", "cpu"));
await attempt("the chart is the overlay cpu", () => sameAs(template(chart).resources, cpu()));
for (const [component, overrides] of Object.entries({ hpa: { hpa: { enabled: true } }, keda: { keda: { enabled: true } }, monitoring: { serviceMonitor: { enabled: true } }, gateway: { gateway: { enabled: true } }, grpc: { grpc: { enabled: true } } })) {
  await attempt(`the chart with ${component} is the overlay with ${component}`, () => sameAs(template(chart, overrides).resources, build(join(kubernetes, "components", component), cpu())));
}

await attempt("compose.yaml mounts what is there, and waits for the drain", () => {
  const { services } = parse(readFileSync(join(deploy, "compose.yaml"), "utf8"));
  const missing = Object.values(services).flatMap((s) => s.volumes ?? []).map((v) => v.split(":")[0]).filter((v) => v.startsWith(".") && !existsSync(join(deploy, v)));
  const grace = Number(services["inference-server"].stop_grace_period.replace("s", ""));
  return [...missing.map((v) => `${v} is not there`), ...(grace > drainSeconds() ? [] : [`the server needs ${drainSeconds()} s to end, and is given ${grace}`])];
});

let kubectl = true;
try {
  execFileSync("kubectl", ["version", "--client"], { stdio: "ignore" });
} catch {
  kubectl = false;
  console.log("skipped: there is no kubectl to compare renderings with");
}
for (const overlay of kubectl ? ["cpu", "gpu"] : []) {
  await attempt(`kubectl renders the overlay ${overlay} alike`, () => {
    const folder = join(kubernetes, "overlays", overlay);
    const theirs = execFileSync("kubectl", ["kustomize", folder], { encoding: "utf8" });
    return sameAs(theirs.split(/^---$/m).map((d) => parse(d)), build(folder));
  });
}

console.log(failures ? `${failures} failures` : "all of deploy/kubernetes and deploy/helm is in order");
process.exitCode = failures ? 1 : 0;
