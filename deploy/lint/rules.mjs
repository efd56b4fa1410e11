// What no schema says.
import { readFileSync } from "node:fs";

const options = JSON.parse(readFileSync(new URL("../../src/InferenceServer/appsettings.json", import.meta.url), "utf8"));
const seconds = (span) => span.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);

/** Time from SIGTERM to the end, at most, with the variables of a container. */
export function drainSeconds(env = []) {
  const setting = (key) => seconds(env.find((e) => e.name === `Hosting__${key}`)?.value ?? options.Hosting[key]);
  return setting("DrainDelay") + setting("ShutdownTimeout");
}

export function rules(resources) {
  const errors = [];
  const expect = (holds, message) => holds || errors.push(message);
  const names = new Set(resources.map((r) => `${r.kind} ${r.metadata.name}`));
  expect(names.size === resources.length, "two resources have the same kind and name");
  for (const resource of resources) {
    const { kind, spec } = resource;
    const pod = kind === "Deployment" ? spec.template.spec : kind === "ServingRuntime" ? spec : null;
    if (pod) looksAfterItself(pod, expect);
    if (kind === "Deployment") {
      drains(pod, expect);
      expect(resource.metadata.name.endsWith("-workers") === (pod.containers[0].args?.join() === "work"), "workers do not run `work`, or others do");
      expect(matches(spec.selector.matchLabels, spec.template.metadata.labels), "the Deployment does not select its own pods");
      const scaled = ["HorizontalPodAutoscaler", "ScaledObject"].some((k) => names.has(`${k} ${resource.metadata.name}`));
      expect(("replicas" in spec) !== scaled, "replicas are said by the Deployment or by what scales it, not by both and not by none");
      for (const spread of pod.topologySpreadConstraints ?? []) expect(matches(spread.labelSelector.matchLabels, spec.template.metadata.labels), "a topology spread counts other pods");
    }
    // A Deployment of workers is none of the server: what selects pods selects those of one Deployment.
    const selected = (selector) => resources.filter((r) => r.kind === "Deployment" && matches(selector, r.spec.template.metadata.labels)).map((r) => r.metadata.name);
    const selectsItsOwn = (selector) => expect(selected(selector).join() === resource.metadata.name, `the ${kind} ${resource.metadata.name} selects the pods of ${selected(selector).join(" and ") || "nothing"}`);
    if (kind === "Service") {
      selectsItsOwn(spec.selector);
      const ports = resources.find((r) => r.kind === "Deployment" && r.metadata.name === resource.metadata.name).spec.template.spec.containers.flatMap((c) => c.ports.map((p) => p.name));
      expect(spec.ports.every((p) => ports.includes(p.targetPort)), "the Service's port leads nowhere");
    }
    if (kind === "PodDisruptionBudget") {
      selectsItsOwn(spec.selector.matchLabels);
      expect(spec.unhealthyPodEvictionPolicy === "AlwaysAllow", "the PodDisruptionBudget lets a broken replica keep a node from being drained");
    }
    const service = resources.find((r) => r.kind === "Service");
    if (kind === "NetworkPolicy") {
      selectsItsOwn(spec.podSelector.matchLabels);
      const open = spec.ingress.flatMap((i) => i.ports.map((p) => p.port));
      if (resource.metadata.name === service.metadata.name) expect(service.spec.ports.every((p) => open.includes(p.targetPort)), "the NetworkPolicy keeps out what the Service lets in");
    }
    if (kind === "PodMonitor") {
      selectsItsOwn(spec.selector.matchLabels);
      expect(spec.podMetricsEndpoints.every((e) => e.path === "/metrics" && e.port === "http"), "the PodMonitor asks a port or path that is not there");
    }
    if (kind === "ServiceAccount") {
      expect(resource.automountServiceAccountToken === false, "the ServiceAccount mounts its token");
      expect(resources.filter((r) => r.kind === "Deployment").every((r) => r.spec.template.spec.serviceAccountName === resource.metadata.name), "a Deployment does not run as the ServiceAccount");
    }
    if (kind === "Ingress") {
      const base = option(resources, "Hosting__PathBase");
      expect(spec.rules?.length > 0, "the Ingress has no host");
      for (const { http } of spec.rules ?? []) {
        expect(http.paths.every((p) => p.backend.service.name === service.metadata.name && service.spec.ports.some((s) => s.name === p.backend.service.port.name)), "the Ingress leads nowhere");
        const carries = (path) => http.paths.some((p) => path === p.path || (p.pathType === "Prefix" && path.startsWith(`${p.path}/`)));
        for (const path of ["/", "/playground/api.js", "/swagger/index.html", "/v1/segment", "/v1/segment:batch", "/v1/refine", "/v2/health/ready"]) expect(carries(base + path), `the Ingress leaves out ${base + path}`);
        for (const path of ["/metrics", "/health/ready", base + "/metrics"]) expect(!carries(path), `the Ingress lets ${path} in`);
      }
    }
    if (kind === "ServiceMonitor") {
      expect(matches(spec.selector.matchLabels, service.metadata.labels), "the ServiceMonitor selects no Service");
      expect(spec.endpoints.every((e) => e.path === "/metrics" && service.spec.ports.some((p) => p.name === e.port)), "the ServiceMonitor asks a port or path that is not there");
    }
    if (kind === "HTTPRoute") {
      const backends = spec.rules.flatMap((r) => r.backendRefs);
      expect(backends.every((b) => b.name === service.metadata.name && service.spec.ports.some((p) => p.port === b.port)), "the HTTPRoute leads nowhere");
      // As the Gateway API has it: a prefix is one of whole elements.
      const carries = (path) => spec.rules.some((r) => r.matches.some(({ path: { type, value } }) => path === value || (type === "PathPrefix" && path.startsWith(`${value.replace(/\/$/, "")}/`))));
      const base = option(resources, "Hosting__PathBase");
      const jobs = option(resources, "Jobs__Engine") === "Nats"; // any replica answers for any job
      for (const path of ["/v1/segment", "/v1/segment/road", "/v1/segment:batch", "/v1/refine", "/v1/models", "/v1/models/road", ...(jobs ? ["/v1/jobs", "/v1/jobs/1"] : [])]) expect(carries(base + path), `the HTTPRoute leaves out ${base + path}`);
      for (const path of ["/metrics", "/v2/repository/models/road/load", ...(jobs ? [] : ["/v1/jobs"])]) expect(!carries(base + path), `the HTTPRoute lets ${base + path} in`);
    }
    if (kind === "HorizontalPodAutoscaler" || kind === "ScaledObject") expect(names.has(`Deployment ${spec.scaleTargetRef.name}`), `the ${kind} scales nothing`);
    if (kind === "ScaledObject") expect(spec.triggers.every(isTrigger), "a trigger lacks what KEDA asks for");
    if (kind === "HorizontalPodAutoscaler") expect(spec.metrics.every((m) => m.pods.metric.name === "seg_queue_seconds_per_request"), "the HorizontalPodAutoscaler scales on what the adapter does not make");
    if (kind === "InferenceService") {
      const { model } = spec.predictor;
      expect(model.protocolVersion === "v2" && model.storageUri, "the InferenceService says no protocol or no place of its model");
      const runtime = resources.find((r) => r.kind === "ServingRuntime" && r.metadata.name === model.runtime);
      expect(runtime?.spec.supportedModelFormats.some((f) => f.name === model.modelFormat.name), "no runtime has the InferenceService's format");
    }
  }
  return errors;
}

// The value of an option in the server's Deployment.
function option(resources, name) {
  const env = resources.filter((r) => r.kind === "Deployment" && !r.metadata.name.endsWith("-workers")).flatMap((r) => r.spec.template.spec.containers.flatMap((c) => c.env ?? []));
  return env.find((e) => e.name === name)?.value ?? "";
}

// Values of KEDA's metadata are strings. On the wait of interactive requests; workers, on the messages that wait for their consumer.
function isTrigger({ type, metadata }) {
  if (Object.values(metadata).some((v) => typeof v !== "string" || !v)) return false;
  if (type === "prometheus") return Boolean(metadata.serverAddress) && metadata.query?.includes('priority="interactive"') && !Number.isNaN(Number(metadata.threshold));
  return type === "nats-jetstream" && /^[^/]+:\d+$/.test(metadata.natsServerMonitoringEndpoint) && Boolean(metadata.account && metadata.stream) && metadata.consumer === "workers" && Number(metadata.lagThreshold) > 0;
}

function looksAfterItself(pod, expect) {
  for (const container of pod.containers) {
    const security = { ...pod.securityContext, ...container.securityContext };
    expect(security.runAsNonRoot === true && security.runAsUser === 1654, `${container.name} does not run as the image's user`);
    const mounted = (container.volumeMounts ?? []).map((m) => m.name);
    expect(mounted.every((name) => pod.volumes.some((v) => v.name === name)), `${container.name} mounts a volume that is not there`);
    expect(pod.volumes.every((v) => mounted.includes(v.name)), `${container.name} does not mount every volume`);
    expect(new Set(container.env?.map((e) => e.name)).size === (container.env?.length ?? 0), `${container.name} has a variable twice`);
    expect(security.readOnlyRootFilesystem === true && security.allowPrivilegeEscalation === false && security.capabilities?.drop?.includes("ALL"), `${container.name} has more rights than it needs`);
    expect(security.seccompProfile?.type === "RuntimeDefault", `${container.name} has no seccomp profile`);
    const grpc = container.ports?.find((p) => p.name === "grpc")?.containerPort;
    const url = container.env?.find((e) => e.name === "OpenInference__GrpcUrl")?.value;
    expect(grpc === (url && Number(new URL(url.replace("*", "any")).port)), `${container.name} does not listen for gRPC where its port is`);
    expect(container.resources.limits?.memory && container.resources.limits?.cpu && container.resources.requests?.cpu, `${container.name} has no limits`);
    for (const [probe, path] of Object.entries({ startupProbe: "/health/live", readinessProbe: "/health/ready", livenessProbe: "/health/live" })) {
      expect(container[probe]?.httpGet.path === path, `${container.name}: ${probe} does not ask ${path}`);
    }
  }
}

function drains(pod, expect) {
  for (const container of pod.containers) {
    const sleep = container.lifecycle?.preStop?.sleep?.seconds;
    expect(sleep > 0, `${container.name} is stopped before balancers know`);
    const needed = sleep + drainSeconds(container.env);
    expect(pod.terminationGracePeriodSeconds > needed, `${container.name} needs ${needed} s to end, and is given ${pod.terminationGracePeriodSeconds}`);
  }
}

const matches = (selector, labels) => Object.keys(selector).length > 0 && Object.entries(selector).every(([k, v]) => labels?.[k] === v);
