// The schemas of the kinds that npm packages have, and the names of those that none has.
const modules = {
  "apps/v1": "kubernetes-models/apps/v1",
  v1: "kubernetes-models/v1",
  "policy/v1": "kubernetes-models/policy/v1",
  "networking.k8s.io/v1": "kubernetes-models/networking.k8s.io/v1",
  "autoscaling/v2": "kubernetes-models/autoscaling/v2",
  "gateway.networking.k8s.io/v1": "@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1",
};
const unchecked = new Set(["monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PodMonitor", "keda.sh/v1alpha1/ScaledObject", "serving.kserve.io/v1alpha1/ServingRuntime", "serving.kserve.io/v1beta1/InferenceService"]);

export async function schemaErrors(resource) {
  const { apiVersion, kind } = resource;
  if (unchecked.has(`${apiVersion}/${kind}`)) return [];
  const Model = modules[apiVersion] && (await import(`${modules[apiVersion]}/${kind}`))[kind];
  if (!Model) return [`${apiVersion} ${kind}: no schema knows it`];
  const unread = new Map();
  try {
    const model = new Model(resource); // a copy, so what is watched goes in afterwards
    for (const key of Object.keys(model)) model[key] = watch(model[key], `${kind}.${key}`, unread);
    model.validate();
  } catch (error) {
    return [`${kind}: ${error.message}`];
  }
  return [...unread.values()].flatMap((keys) => [...keys.values()]).map((path) => `${path} is no key that the schema knows`);
}

// The packages' validators let unknown keys pass, and so a misspelt probe with them. They read every key that they know: one that was never read is unknown.
function watch(value, path, unread) {
  if (typeof value !== "object" || value === null) return value;
  const keys = new Map(Object.keys(value).map((key) => [key, `${path}.${key}`]));
  unread.set(value, keys);
  const children = Object.fromEntries(Object.entries(value).map(([key, child]) => [key, watch(child, `${path}.${key}`, unread)]));
  return new Proxy(Array.isArray(value) ? Object.values(children) : children, {
    get(target, key) {
      keys.delete(key);
      return Reflect.get(target, key);
    },
  });
}
