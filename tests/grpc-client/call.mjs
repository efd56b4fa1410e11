// node call.mjs HOST:PORT < calls.json > answers.json
// Learns the server's services by reflection. Each call is {service, method, request, metadata?, timeoutMs?}, its bytes
// in base64; each answer {response} or {code, details, metadata}.
// Of a stream from the server the first answer counts, and ends it. A call of streams both ways has {requests} instead, and
// its answer {responses}.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const [address] = process.argv.slice(2);
const options = { keepCase: true, longs: Number, enums: String, bytes: String, defaults: true };
const credentials = grpc.credentials.createInsecure();
const clients = new Map();

async function describe() {
  const definition = loader.loadSync(join(import.meta.dirname, "reflection.proto"), { ...options, bytes: Buffer });
  const client = new (grpc.loadPackageDefinition(definition).grpc.reflection.v1.ServerReflection)(address, credentials);
  const stream = client.ServerReflectionInfo();
  const ask = (request) => new Promise((resolve, reject) => {
    stream.once("data", resolve);
    stream.once("error", reject);
    stream.write(request);
  });
  const files = new Map();
  for (const { name } of (await ask({ list_services: "" })).list_services_response.service) {
    const answer = await ask({ file_containing_symbol: name });
    answer.file_descriptor_response.file_descriptor_proto.forEach((file) => files.set(file.toString("base64"), file));
  }
  stream.end();
  client.close();
  // A FileDescriptorSet.
  const set = Buffer.concat([...files.values()].flatMap((file) => [Buffer.from([0x0a, ...varint(file.length)]), file]));
  return grpc.loadPackageDefinition(loader.loadFileDescriptorSetFromBuffer(set, options));
}

function varint(value) {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >> 7)];
}

function client(root, service) {
  if (!clients.has(service)) {
    const Service = service.split(".").reduce((scope, name) => scope[name], root);
    clients.set(service, new Service(address, credentials, { "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 }));
  }
  return clients.get(service);
}

function call(root, { service = "inference.GRPCInferenceService", method, request = {}, requests = [], metadata = {}, timeoutMs = 60000 }) {
  const headers = new grpc.Metadata();
  Object.entries(metadata).forEach(([key, value]) => headers.set(key, value));
  const caller = client(root, service);
  const deadline = { deadline: Date.now() + timeoutMs };
  return new Promise((resolve) => {
    const failure = ({ code, details, metadata }) => ({ code, details, metadata: metadata.getMap() });
    const end = (error, response) => resolve(error ? failure(error) : { response });
    if (!caller[method].responseStream) {
      caller[method](request, headers, deadline, end);
      return;
    }
    if (caller[method].requestStream) {
      const both = caller[method](headers, deadline);
      const responses = [];
      both.on("error", end);
      both.on("data", (response) => responses.push(response));
      both.on("end", () => resolve({ responses }));
      requests.forEach((one) => both.write(one));
      both.end();
      return;
    }
    const stream = caller[method](request, headers, deadline);
    stream.on("error", end);
    stream.once("data", (response) => {
      end(null, response);
      stream.cancel();
    });
  });
}

const root = await describe();
const answers = [];
for (const one of JSON.parse(readFileSync(0, "utf8"))) {
  answers.push(await call(root, one));
}
process.stdout.write(JSON.stringify(answers));
clients.forEach((c) => c.close());
