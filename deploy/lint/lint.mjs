// node deploy/lint/lint.mjs: renders the overlays, the components and the chart, and holds them against
//  - the schemas of Kubernetes and of the Gateway API (npm packages kubernetes-models and @kubernetes-models/gateway-api), with unknown keys refused;
//  - the rules of rules.mjs: security, probes, the drain, and that what names another resource names one that is there;
//  - each other: the chart with its default values is the overlay cpu;
//  - compose.yaml against the files that it mounts;
//  - kubectl's own rendering, where there is a kubectl.
// ServiceMonitor, PodMonitor, ScaledObject and KServe's kinds have no schema here; of them only the shape that rules.mjs knows is looked at.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import Ajv from "ajv";
import { parse, stringify } from "yaml";
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

const components = ["hpa", "keda", "monitoring", "gateway", "grpc", "ingress", "store", "workers"];
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
  "a path prefix behind an ingress": { pathBase: "/seg", trustedProxies: ["10.244.0.0/16", "10.0.0.7"], ingress: { enabled: true, className: "nginx", hosts: ["maps.example.org", "tiles.example.org"], annotations: { "nginx.ingress.kubernetes.io/proxy-body-size": "65m" }, tls: [{ secretName: "maps-tls", hosts: ["maps.example.org"] }] } },
  "an ingress at the root": { ingress: { enabled: true, hosts: ["maps.example.org"] } },
  "a path prefix behind a gateway": { pathBase: "/seg", gateway: { enabled: true } },
  "models in a bucket, by a role": { models: { path: "s3://bucket/models", cacheSize: "5Gi" }, s3: { region: "eu-central-1" }, serviceAccount: { create: true, name: "models", annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/models" } }, networkPolicy: { egress: [{ ports: [{ port: 53, protocol: "UDP" }] }, { ports: [{ port: 443, protocol: "TCP" }] }] } },
  "models in a bucket, by keys, in a shared cache": { models: { path: "s3://bucket/models", cacheClaim: "cache" }, s3: { endpoint: "http://minio:9000" }, envFrom: [{ secretRef: { name: "bucket" } }] },
  "pods of another kind": { imagePullSecrets: [{ name: "registry" }], serviceAccount: { name: "inference" }, podAnnotations: { "example.org/team": "maps" }, podLabels: { "example.org/tier": "inference" }, fsGroup: 2000, extraVolumes: [{ name: "certs", secret: { secretName: "certs" } }], extraVolumeMounts: [{ name: "certs", mountPath: "/certs", readOnly: true }], affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "cpu", operator: "In", values: ["fast"] }] }] } } }, topologySpreadConstraints: [{ maxSkew: 2, topologyKey: "kubernetes.io/hostname", whenUnsatisfiable: "DoNotSchedule", labelSelector: { matchLabels: { "app.kubernetes.io/name": "inference-server" } } }] },
  "jobs in a folder": { replicas: 1, jobs: { path: "/jobs", claim: "jobs", workers: 2, sources: ["s3://scenes/"], targets: ["s3://masks/"], webhookHosts: ["hooks.example.org"] } },
  "workers, scaled": { jobs: { engine: "Nats", path: "s3://bucket/jobs", workers: 0 }, nats: { url: "nats://nats.nats.svc:4222", stream: "maps-jobs", credentialsSecret: "nats-user" }, workers: { enabled: true, keda: { enabled: true, lag: 50 } }, hpa: { enabled: true }, serviceMonitor: { enabled: true }, gateway: { enabled: true }, podLabels: { team: "maps" }, podAnnotations: { note: "x" }, env: [{ name: "Models__Default", value: "road" }] },
  "workers, of a fixed number": { jobs: { engine: "Nats", path: "/jobs", claim: "jobs", workers: 0 }, workers: { enabled: true, replicas: 3, workers: 8, nodeSelector: { gpu: "yes" }, affinity: { podAntiAffinity: {} }, tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }], resources: { limits: { cpu: "4", memory: "8Gi" }, requests: { cpu: "4", memory: "8Gi" } } }, networkPolicy: { enabled: false } },
  gpu: { image: { tag: "gpu" }, resources: { limits: { "nvidia.com/gpu": "1" } }, tolerations: [{ key: "nvidia.com/gpu", operator: "Exists", effect: "NoSchedule" }], rollingUpdate: { maxSurge: 0, maxUnavailable: 1 }, nodeSelector: { gpu: "yes" } },
};
for (const [name, overrides] of Object.entries(variants)) {
  await attempt(`chart, ${name}`, async () => {
    const { values, resources } = template(chart, overrides);
    return [...(validate(values) ? [] : validate.errors.map((e) => `values${e.instancePath} ${e.message}`)), ...(await look(resources))];
  });
}
const refused = { "a key that is not there": { replica: 2 }, "no replicas": { replicas: 0 }, "two that scale": { hpa: { enabled: true }, keda: { enabled: true } }, "memory in words": { resources: { limits: { memory: "much" } } },
  "a prefix with a slash at its end": { pathBase: "/seg/" }, "a service account without a name": { serviceAccount: { create: true, name: "" } }, "an ingress without a host": { ingress: { enabled: true, hosts: [] } },
  "workers without a queue": { workers: { enabled: true } }, "an engine that is not there": { jobs: { engine: "Redis" } } };
for (const [name, overrides] of Object.entries(refused)) {
  await attempt(`values.schema.json refuses ${name}`, () => (validate({ ...parse(readFileSync(join(chart, "values.yaml"), "utf8")), ...overrides }) ? ["it did not"] : []));
}

// The two ways to the same cluster stay the same.
const plain = (resources) => Object.fromEntries(resources.map((r) => {
  const { "helm.sh/chart": _, "app.kubernetes.io/managed-by": __, ...labels } = r.metadata.labels;
  return [`${r.kind} ${r.metadata.name}`, { ...r, metadata: { ...r.metadata, labels } }];
}));
const sameAs = (one, other) => {
  const [left, right] = [plain(one), plain(other)];
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].filter((k) => !isDeepStrictEqual(left[k], right[k])).map((k) => `${k} differs`);
};
const cpu = () => build(join(kubernetes, "overlays", "cpu"));
await attempt("the chart is the overlay cpu", () => sameAs(template(chart).resources, cpu()));
const openFor = (...ports) => ({ egress: [{ ports: [{ port: 53, protocol: "UDP" }, ...[53, ...ports].map((port) => ({ port, protocol: "TCP" }))] }] });
const bucket = { region: "eu-central-1" };
for (const [component, overrides] of Object.entries({
  ingress: { pathBase: "/seg", trustedProxies: ["10.244.0.0/16"], ingress: { enabled: true, className: "nginx", hosts: ["maps.example.org"] } },
  store: { models: { path: "s3://bucket/models" }, s3: bucket, networkPolicy: openFor(443), serviceAccount: { create: true, name: "inference-server", annotations: { "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/models" } } },
  workers: { jobs: { engine: "Nats", path: "s3://bucket/jobs", workers: 0 }, nats: { url: "nats://nats.nats.svc:4222" }, s3: bucket, envFrom: [{ secretRef: { name: "bucket" } }], networkPolicy: openFor(443, 4222), workers: { enabled: true, keda: { enabled: true } } },
  hpa: { hpa: { enabled: true } }, keda: { keda: { enabled: true } }, monitoring: { serviceMonitor: { enabled: true } }, gateway: { gateway: { enabled: true } }, grpc: { grpc: { enabled: true } } })) {
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
// kustomize puts what a patch adds to a list first; for these lists the order says nothing.
const ordered = (node, key) => {
  if (Array.isArray(node)) return ["env", "volumes", "volumeMounts", "ports"].includes(key) ? node.map((x) => ordered(x)).sort((a, b) => (a.name < b.name ? -1 : 1)) : node.map((x) => ordered(x));
  return node && typeof node === "object" ? Object.fromEntries(Object.entries(node).map(([k, v]) => [k, ordered(v, k)])) : node;
};
const kustomize = (folder) => execFileSync("kubectl", ["kustomize", folder], { encoding: "utf8" }).split(/^---$/m).map((d) => parse(d));
for (const component of kubectl ? components : []) {
  await attempt(`kubectl renders the component ${component} alike`, () => {
    const folder = mkdtempSync(join(tmpdir(), "overlay-"));
    try {
      const above = (...to) => relative(realpathSync(folder), join(kubernetes, ...to));
      writeFileSync(join(folder, "kustomization.yaml"), stringify({ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", resources: [above("base")], components: [above("components", component)] }));
      return sameAs(ordered(kustomize(folder)), ordered(build(folder)));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
for (const overlay of kubectl ? ["cpu", "gpu"] : []) {
  await attempt(`kubectl renders the overlay ${overlay} alike`, () => {
    const folder = join(kubernetes, "overlays", overlay);
    return sameAs(kustomize(folder), build(folder));
  });
}

console.log(failures ? `${failures} failures` : "all of deploy/kubernetes and deploy/helm is in order");
process.exitCode = failures ? 1 : 0;
