// node call.mjs HOST:PORT PROTOS < calls.json > answers.json
// Each call is {service, method, request, metadata?, timeoutMs?}, its bytes in base64; each answer {response} or {code, details, metadata}.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address, protos] = process.argv.slice(2);
const files = readdirSync(protos).filter((f) => f.endsWith(".proto")).map((f) => join(protos, f));
const root = grpc.loadPackageDefinition(loader.loadSync(files, { keepCase: true, longs: Number, enums: String, bytes: String, defaults: true }));
const clients = new Map();

function client(service) {
  if (!clients.has(service)) {
    const Service = service.split(".").reduce((scope, name) => scope[name], root);
    clients.set(service, new Service(address, grpc.credentials.createInsecure(), { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 }));
  }
  return clients.get(service);
}

function call({ service = "inference.GRPCInferenceService", method, request = {}, metadata = {}, timeoutMs = 60000 }) {
  const headers = new grpc.Metadata();
  Object.entries(metadata).forEach(([key, value]) => headers.set(key, value));
  return new Promise((resolve) => {
    client(service)[method](request, headers, { deadline: Date.now() + timeoutMs }, (error, response) =>
      resolve(error ? { code: error.code, details: error.details, metadata: error.metadata.getMap() } : { response }));
  });
}

const answers = [];
for (const one of JSON.parse(readFileSync(0, "utf8"))) {
  answers.push(await call(one));
}
process.stdout.write(JSON.stringify(answers));
clients.forEach((c) => c.close());
