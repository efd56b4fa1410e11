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
      expect(matches(spec.selector.matchLabels, spec.template.metadata.labels), "the Deployment does not select its own pods");
      const scaled = ["HorizontalPodAutoscaler", "ScaledObject"].some((k) => names.has(`${k} ${resource.metadata.name}`));
      expect(("replicas" in spec) !== scaled, "replicas are said by the Deployment or by what scales it, not by both and not by none");
      for (const spread of pod.topologySpreadConstraints) expect(matches(spread.labelSelector.matchLabels, spec.template.metadata.labels), "a topology spread counts other pods");
    }
    const pods = resources.find((r) => r.kind === "Deployment")?.spec.template.metadata.labels;
    if (kind === "Service") {
      expect(matches(spec.selector, pods), "the Service selects no pod");
      const ports = resources.find((r) => r.kind === "Deployment").spec.template.spec.containers.flatMap((c) => c.ports.map((p) => p.name));
      expect(spec.ports.every((p) => ports.includes(p.targetPort)), "the Service's port leads nowhere");
    }
    if (kind === "PodDisruptionBudget") expect(matches(spec.selector.matchLabels, pods), "the PodDisruptionBudget selects no pod");
    const service = resources.find((r) => r.kind === "Service");
    if (kind === "NetworkPolicy") {
      expect(matches(spec.podSelector.matchLabels, pods), "the NetworkPolicy selects no pod");
      const open = spec.ingress.flatMap((i) => i.ports.map((p) => p.port));
      expect(service.spec.ports.every((p) => open.includes(p.targetPort)), "the NetworkPolicy keeps out what the Service lets in");
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
      for (const path of ["/v1/segment", "/v1/segment/road", "/v1/segment:batch", "/v1/models", "/v1/models/road"]) expect(carries(path), `the HTTPRoute leaves out ${path}`);
      for (const path of ["/metrics", "/v1/jobs", "/v2/repository/models/road/load"]) expect(!carries(path), `the HTTPRoute lets ${path} in`);
    }
    if (kind === "HorizontalPodAutoscaler" || kind === "ScaledObject") expect(names.has(`Deployment ${spec.scaleTargetRef.name}`), `the ${kind} scales nothing`);
    if (kind === "ScaledObject") expect(spec.triggers.every((t) => t.type === "prometheus" && t.metadata.serverAddress && t.metadata.query && !Number.isNaN(Number(t.metadata.threshold))), "a trigger lacks what KEDA asks for");
    if (kind === "InferenceService") {
      const { model } = spec.predictor;
      const runtime = resources.find((r) => r.kind === "ServingRuntime" && r.metadata.name === model.runtime);
      expect(runtime?.spec.supportedModelFormats.some((f) => f.name === model.modelFormat.name), "no runtime has the InferenceService's format");
    }
  }
  return errors;
}

function looksAfterItself(pod, expect) {
  for (const container of pod.containers) {
    const security = { ...pod.securityContext, ...container.securityContext };
    expect(security.runAsNonRoot === true && security.runAsUser === 1654, `${container.name} does not run as the image's user`);
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
