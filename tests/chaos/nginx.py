#!/usr/bin/env python3
"""Two replicas behind the nginx of deploy/, each route under load, and what its clients lose while replicas come and go.
Needs the server built, nginx, and for gRPC the package grpcio (apt-get install nginx-light python3-grpcio).

    dotnet build -c Release src/InferenceServer && tests/chaos/nginx.py

A row for each route, a column for each event: requests sent / lost. Lost is every answer that is not the result, without a retry by
the client. Ends with 1 if any was lost, but for kill -9: there, each client may lose the request that was under way.
"""
import base64
import collections
import hashlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

from run import IMAGE, ROOT, Server, free_port, until

try:
    import grpc
except ImportError:
    grpc = None

CLIENTS = 2  # of each route: one keeps its connection, one comes anew each time
SLOW_MODELS = 250  # load before the one that is asked for
NGINX = next((p for p in ("/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/sbin/nginx", "/usr/local/bin/nginx") if os.path.exists(p)), None)
CONFIGURATION = ROOT / "deploy/nginx"
KEY = "the operator's key"
TEXT = {"Content-Type": "application/json"}
BOUNDARY = {"Content-Type": "multipart/form-data; boundary=chaos"}
LABELS = '<View><Image name="image" value="$image"/><BrushLabels name="tag" toName="image"><Label value="red"/></BrushLabels></View>'


def form(*names):
    parts = [b'--chaos\r\nContent-Disposition: form-data; name="%s"; filename="a.png"\r\n\r\n%s\r\n' % (name.encode(), IMAGE) for name in names]
    return b"".join(parts) + b"--chaos--\r\n"


def is_batch(body):
    lines = [json.loads(line) for line in body.splitlines()]
    return len(lines) == 3 and all(line["status"] == 200 for line in lines)


def routes(images):
    """Name, path, headers, body, and a check of the answer."""
    encoded = base64.b64encode(IMAGE).decode()
    task = json.dumps({"tasks": [{"id": 1, "data": {"image": images}}], "label_config": LABELS}).encode()
    return [
        ("/v1/segment/{model}", "/v1/segment/tiny", {}, IMAGE, None),
        ("/v1/segment, as /V1/Segment/", "/V1/Segment/", {}, IMAGE, None),
        ("/v1/segment:batch", "/v1/segment:batch", BOUNDARY, form("a", "b", "c"), is_batch),
        ("/huggingface/{model}", "/huggingface/tiny", {}, IMAGE, None),
        ("/huggingface", "/huggingface", TEXT, json.dumps({"inputs": encoded}).encode(), None),
        ("/label-studio/predict", "/label-studio/predict", TEXT, task, lambda body: b"error" not in body),
        ("/label-studio/models/{model}/setup", "/label-studio/models/tiny/setup", TEXT, b"{}", None),
        ("/api/function_invocations", "/api/function_invocations", TEXT | {"x-nuclio-function-name": "tiny"}, json.dumps({"image": encoded}).encode(), None),
        ("/api/remove", "/api/remove?model=tiny-binary", BOUNDARY, form("file"), None),
        ("/x-anylabeling/v1/predict", "/x-anylabeling/v1/predict", TEXT, json.dumps({"model": "tiny", "image": encoded}).encode(), None),
        ("/v2/models/{model}/infer", "/v2/models/tiny.image/infer", {"Inference-Header-Content-Length": "0"}, IMAGE, None),
        ("/v1/jobs", "/v1/jobs", BOUNDARY, form("a"), None),
    ]


def field(number, content):
    """A field of protobuf: text, bytes or a message."""
    content = content.encode() if isinstance(content, str) else content
    length, size = b"", len(content)
    while size >= 0x80:
        length, size = length + bytes([size & 0x7F | 0x80]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content


# A ModelInferRequest: the model's name, one input of shape [1], and its bytes behind their length.
CALL = (field(1, "tiny.image") + field(5, field(1, "image") + field(2, "BYTES") + field(3, b"\1")) + field(7, len(IMAGE).to_bytes(4, "little") + IMAGE))


class Nginx:
    def __init__(self, replicas, grpc_ports):
        self.port, self.grpc_port = free_port(), free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="chaos-nginx-"))
        temporary = "".join(f"{p}_temp_path {self.folder}/{p};\n" for p in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        ports = {":8081": replicas[0].port, ":8082": replicas[1].port, ":8091": grpc_ports[0], ":8092": grpc_ports[1]}
        for file in CONFIGURATION.glob("*.conf"):
            text = file.read_text()
            for old, new in ports.items():
                text = text.replace(old, f":{new}")
            text = text.replace("listen 8080", f"listen 127.0.0.1:{self.port}").replace("listen 8001", f"listen 127.0.0.1:{self.grpc_port}")
            (self.folder / file.name).write_text(text.replace("http {", "http {\naccess_log off;\n" + temporary))
        user = "user root; " if os.getuid() == 0 else ""  # who may enter the folder
        self.process = subprocess.Popen(
            [NGINX, "-p", self.folder, "-c", self.folder / "nginx.conf", "-e", self.folder / "error.log", "-g", f"{user}daemon off; pid {self.folder}/nginx.pid;"])

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder)


class Load:
    """Clients of every route that send one request after another until they are told to stop."""

    def __init__(self, nginx, table):
        self.nginx, self.stopping, self.lock = nginx, False, threading.Lock()
        self.sent, self.lost, self.why = collections.Counter(), collections.Counter(), collections.Counter()
        self.threads = [threading.Thread(target=self.run, args=(*route, keep)) for route in table for keep in range(CLIENTS)]
        if grpc:
            self.threads += [threading.Thread(target=self.call) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_):
        time.sleep(1)
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def count(self, name, failure):
        with self.lock:
            self.sent[name] += 1
            if failure:
                self.lost[name] += 1
                self.why[f"{name}: {failure}"] += 1

    def run(self, name, path, headers, body, check, keep):
        connection = None
        while not self.stopping:
            failure = None
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.nginx.port, timeout=60)
                connection.request("POST", path, body, headers | ({} if keep else {"Connection": "close"}))
                answer = connection.getresponse()
                content = answer.read()
                if answer.status not in (200, 202) or (check and not check(content)):
                    failure = f"{answer.status} {content[:200]}"
                if not keep:
                    connection = None
            except (OSError, http.client.HTTPException) as error:
                failure, connection = repr(error), None
            self.count(name, failure)
            if failure or path.endswith(("/jobs", "/setup")):  # the one is kept on disk, the other costs nothing
                time.sleep(0.05)

    def call(self):
        with grpc.insecure_channel(f"127.0.0.1:{self.nginx.grpc_port}", [("grpc.enable_retries", 0)]) as channel:
            infer = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
            while not self.stopping:
                failure = None
                try:
                    infer(CALL, timeout=60)
                except grpc.RpcError as error:
                    failure = f"{error.code()} {error.details()}"
                    time.sleep(0.05)
                self.count("gRPC ModelInfer", failure)


def post(server, path, body=b""):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, body, {"X-API-Key": KEY})
    return connection.getresponse().status


def answers(nginx):
    try:
        return post(nginx, "/v1/segment/tiny") > 0
    except OSError:
        return False


def restart(server):
    server.process.send_signal(signal.SIGTERM)
    server.process.wait()
    server.start()


def restart_one(replicas, _):
    restart(replicas[0])


def restart_each(replicas, _):
    for replica in replicas:
        restart(replica)
        time.sleep(3)  # as a rolling update does: the next one only when nginx has noticed the first


def unload(replicas, _):
    for what in ("unload", "load"):
        for model in ("tiny", "tiny-binary"):
            if post(replicas[0], f"/v1/models/{model}/{what}") != 200:
                raise SystemExit(f"The replica does not {what} {model}.")
        time.sleep(6)


def load_slowly(replicas, _):
    """A replica that listens at once, and whose models take long."""
    for i in range(SLOW_MODELS):
        shutil.copytree(ROOT / "tests/assets/models/tiny-probabilities", replicas[1].models / f"a-{i:03}")
    restart(replicas[1])
    time.sleep(3)
    for i in range(SLOW_MODELS):
        shutil.rmtree(replicas[1].models / f"a-{i:03}")


def impatient(_, nginx):
    """Another client, whose requests have no time: each replica answers 503 at once."""
    end = time.monotonic() + 6

    def ask():
        while time.monotonic() < end:
            post(nginx, "/v1/segment/tiny?timeout=1", IMAGE)

    others = [threading.Thread(target=ask) for _ in range(4)]
    for other in others:
        other.start()
    for other in others:
        other.join()


def kill(replicas, _):
    replicas[0].process.kill()
    replicas[0].process.wait()
    time.sleep(3)
    replicas[0].start()
    time.sleep(3)


EVENTS = [("SIGTERM and restart", restart_one), ("restart of one after the other", restart_each), ("unload on one", unload), ("slow loading", load_slowly),
          ("a client without time", impatient), ("kill -9", kill)]


class Images(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(IMAGE)))
        self.end_headers()
        self.wfile.write(IMAGE)

    def log_message(self, *_):
        pass


def main():
    if NGINX is None:
        sys.exit("nginx is not installed; apt-get install nginx-light")
    if grpc is None:
        print("gRPC is left out: grpcio is not installed; apt-get install python3-grpcio", file=sys.stderr)
    images = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Images)
    threading.Thread(target=images.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{images.server_port}"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chaos-"))
    grpc_ports, replicas, nginx = [free_port(), free_port()], [], None
    table, results, failed = routes(address + "/a.png"), {}, 0
    try:
        for i, port in enumerate(grpc_ports):
            for model in ("tiny", "tiny-binary"):
                shutil.copytree(ROOT / "tests/assets/models" / model, folder / str(i) / model)
            replicas.append(Server(
                folder / str(i), f"--Security:Keys:operator:Hash=sha256:{hashlib.sha256(KEY.encode()).hexdigest()}", "--Security:Keys:operator:Scopes=admin",
                "--Security:Anonymous=infer", f"--OpenInference:GrpcUrl=http://127.0.0.1:{port}", f"--LabelStudio:Url={address}", f"--Jobs:Path={folder}/jobs{i}", "--Jobs:MaxJobs=10000",
                "--Scheduling:OverloadInterval=00:00:10"))  # two cores also run the clients; a full server is not what is tried here
        nginx = Nginx(replicas, grpc_ports)
        until(lambda: answers(nginx), "nginx listens")
        for name, event in [e for e in EVENTS if not sys.argv[1:] or e[0] in sys.argv[1:]]:
            with Load(nginx, table) as load:
                event(replicas, nginx)
            results[name] = load
            for why, count in load.why.most_common(12):
                print(f"{name}: {count} × {why}", file=sys.stderr)
            failed += sum(max(0, lost - (CLIENTS if event is kill else 0)) for lost in load.lost.values())
    finally:
        for replica in replicas:
            replica.process.kill()
        if nginx:
            nginx.stop()
        shutil.rmtree(folder)
    print("| route | " + " | ".join(results) + " |\n|---|" + "--:|" * len(results))
    for name in [row[0] for row in table] + ["gRPC ModelInfer"] * bool(grpc):
        print(f"| `{name}` | " + " | ".join(f"{load.sent[name]:,} / {load.lost[name]}" for load in results.values()) + " |")
    return 1 if failed else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
