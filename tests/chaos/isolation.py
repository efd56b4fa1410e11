#!/usr/bin/env python3
"""Three promises to clients that share a server, each checked from outside.

    apt-get install python3-pil
    dotnet build -c Release src/InferenceServer && tests/chaos/isolation.py

alone: 940 different requests, sent by 16 clients at the same time, are answered byte for byte as each was alone.
leaks: after 5,000 mixed requests, good, damaged and broken off, nothing is held, and memory does not grow with their number.
keys: 60 routes, in several spellings, by four callers: no caller passes without the scope.
Ends with 1 if one does not hold.
"""
import argparse
import base64
import hashlib
import http.client
import io
import json
import pathlib
import random
import re
import subprocess
import sys
import threading
import time

from PIL import Image

import attacks

FORMATS = ["png", "overlay", "overlay-jpeg", "color", "raw", "json", "confidence", "coco-rle", "polygons", "geojson", "geotiff", "cog", "masks", "npy",
           "npy-probabilities"]
MODELS = ["tiny", "tiny-probabilities", "tiny-binary"]
CLIENTS = 16
MIXED = 5000


def images():
    """Pictures of different content, size and kind."""
    made = []
    rng = random.Random(7)
    for i, (kind, options) in enumerate([("PNG", {}), ("JPEG", {"quality": 90}), ("WEBP", {"quality": 80}), ("TIFF", {}), ("GIF", {}), ("JPEG", {"progressive": True})] * 4):
        size = (rng.randrange(20, 300), rng.randrange(20, 300))
        picture = Image.frombytes("RGB", (8, 8), rng.randbytes(192)).resize(size, Image.Resampling.BICUBIC)
        buffer = io.BytesIO()
        picture.save(buffer, kind, **options)
        made.append(buffer.getvalue())
    return made


def patient(server, request):
    """The answer, asking again while the server is full."""
    while True:
        status, body = server.call(attacks.OTHERS, *request)
        if status not in (429, 503):
            return status, body
        time.sleep(0.05)


def alone(server):
    requests = [("POST", f"/v1/segment/{model}?format={form}{more}", image) for image in images() for form in FORMATS
                for model, more in zip(MODELS, ("", "&scales=0.75,1&flip=true", ""))]
    random.Random(3).shuffle(requests)
    requests = requests[:940]
    right = [patient(server, request) for request in requests]
    got, turn, lock = [None] * len(requests), iter(random.Random(4).sample(range(len(requests)), len(requests))), threading.Lock()

    def client():
        while True:
            with lock:
                i = next(turn, None)
            if i is None:
                return
            got[i] = patient(server, requests[i])
    threads = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    different = [requests[i][1] for i in range(len(requests)) if got[i] != right[i]]
    answers = sum(status == 200 for status, _ in right)
    return f"{len(requests)} answers ({answers} masks) of {CLIENTS} clients at once equal those given alone", different


def leaks(server):
    rng, pictures, sizes = random.Random(11), images(), []

    def one(number):
        image = bytearray(rng.choice(pictures))
        kind = number % 10
        if kind < 4:
            server.call(attacks.OTHERS, "POST", f"/v1/segment/{rng.choice(MODELS)}?format={rng.choice(FORMATS)}", bytes(image))
        elif kind == 4:
            for _ in range(5):
                image[rng.randrange(len(image))] = rng.randrange(256)
            server.call(attacks.OTHERS, "POST", "/v1/segment/tiny", bytes(image))
        elif kind == 5:
            server.call(attacks.OTHERS, "POST", "/v1/segment/tiny", bytes(image[:rng.randrange(len(image))]))
        elif kind == 6:
            sock = server.begin("/v1/segment/tiny", len(image), "Content-Type: image/png")
            sock.sendall(bytes(image[:rng.randrange(len(image))]))
            sock.close()
        elif kind == 7:
            server.call(attacks.OTHERS, "POST", "/huggingface/tiny", json.dumps({"inputs": base64.b64encode(image).decode()}), {"Content-Type": "application/json"})
        elif kind == 8:
            server.call(attacks.OTHERS, "POST", "/v1/segment:batch?model=tiny", attacks.zipped(), attacks.ZIP)
        else:
            server.call(attacks.OTHERS, rng.choice(["GET", "POST", "DELETE"]), rng.choice(["/v1/models", "/v1/jobs", "/v2/models/tiny", "/nothing", "/v1/segment?format=none"]))

    for begin in range(0, MIXED, CLIENTS):
        threads = attacks.in_threads(CLIENTS, lambda i, begin=begin: one(begin + i))
        for thread in threads:
            thread.join()
        if (begin + CLIENTS) % (MIXED // 5) < CLIENTS:
            sizes.append(server.resident() >> 20)
    # The scrape itself takes a buffer.
    held = {}
    for _ in range(50):
        text = server.call(attacks.OTHERS, "GET", "/metrics")[1].decode()
        values = {name: sum(float(v) for v in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", text, re.M))
                  for name in ("seg_admitted_requests", "seg_admitted_bytes", "seg_admitted_pixels", "seg_buffer_rented_bytes")}
        held = {name: value for name, value in values.items() if value > (1 << 16 if name.endswith("rented_bytes") else 0)}
        if not held:
            break
        time.sleep(0.2)
    faults = [f"{name} is {value:,.0f}" for name, value in held.items()]
    if sizes[-1] > sizes[0] * 1.2 + 20:
        faults.append(f"memory grows: {sizes} MB")
    handles = len(list(pathlib.Path(f"/proc/{server.process.pid}/fd").iterdir()))
    if handles > 400:
        faults.append(f"{handles} open files")
    return f"{MIXED:,} mixed requests; resident after each fifth: {', '.join(map(str, sizes))} MB; {handles} open files", faults


ROUTES = [  # method, path, the scopes of which a caller needs one
    *[("POST", path, {"infer"}) for path in (
        "/v1/segment", "/v1/segment/tiny", "/v1/segment/tiny/versions/1", "/v1/segment:batch?model=tiny", "/v1/refine", "/v2/models/tiny/infer",
        "/v2/models/tiny/versions/1/infer", "/huggingface", "/huggingface/tiny", "/label-studio/setup", "/label-studio/predict", "/label-studio/webhook",
        "/label-studio/models/tiny/setup", "/label-studio/models/tiny/predict", "/label-studio/models/tiny/webhook", "/api/function_invocations?id=tiny",
        "/api/remove", "/x-anylabeling/v1/predict", "/v1/jobs?model=tiny")],
    *[("GET", path, {"infer"}) for path in (
        "/v1/jobs", "/v1/jobs/none", "/v1/jobs/none/events", "/v1/jobs/none/result", "/api/functions", "/api/functions/tiny", "/x-anylabeling/v1/models",
        "/api/remove?url=http://127.0.0.1/x.png")],
    ("DELETE", "/v1/jobs/none", {"infer"}),
    *[("GET", path, {"infer", "admin"}) for path in (
        "/v1/models", "/v1/models/tiny", "/v1/models/tiny/versions/1", "/v2/models/stats", "/v2/models/tiny", "/v2/models/tiny/config", "/v2/models/tiny/ready",
        "/v2/models/tiny/stats", "/v2/models/tiny/versions/1", "/v2/models/tiny/versions/1/config", "/v2/models/tiny/versions/1/ready",
        "/v2/models/tiny/versions/1/stats")],
    ("POST", "/v2/repository/index", {"infer", "admin"}), ("POST", "/v2/repository/main/index", {"infer", "admin"}),
    *[("POST", path, {"admin"}) for path in (
        "/v1/models/tiny-binary/load", "/v1/models/tiny-binary/unload", "/v2/repository/models/tiny-binary/load", "/v2/repository/models/tiny-binary/unload",
        "/v2/repository/main/models/tiny-binary/load", "/v2/repository/main/models/tiny-binary/unload")],
    *[("GET", path, None) for path in ("/health/live", "/health/ready", "/metrics", "/v2", "/v2/health/live", "/v2/health/ready", "/swagger/v1/swagger.json",
                                       "/label-studio", "/label-studio/health", "/")],
    *[("GRPC", "/inference.GRPCInferenceService/" + method, scopes) for method, scopes in (
        ("ModelInfer", {"infer"}), ("ModelStreamInfer", {"infer"}), ("ModelReady", {"infer", "admin"}), ("ModelMetadata", {"infer", "admin"}), ("RepositoryIndex", {"infer", "admin"}),
        ("RepositoryModelLoad", {"admin"}), ("RepositoryModelUnload", {"admin"}), ("ServerLive", None))],
]


def spellings(path):
    path, _, query = path.partition("?")
    query = query and "?" + query
    yield path + query
    yield path.upper() + query
    yield path + "/" + query
    yield path.replace("/", "//", 1) + query
    yield path[:2] + f"%{ord(path[2]):02X}" + path[3:] + query if len(path) > 2 else path + query
    yield "/x/.." + path + query


def keys(server):
    callers = {"nobody": ({}, set()), "a wrong key": ({"X-API-Key": "guess"}, set()), "infer": ({"X-API-Key": "key-infer"}, {"infer"}),
               "admin": ({"Authorization": "Bearer key-admin"}, {"admin"})}
    faults, calls = [], 0
    for method, route, scopes in ROUTES:
        for name, (headers, has) in callers.items():
            for number, path in enumerate(spellings(route) if method != "GRPC" else [route]):
                if method == "GRPC":
                    refused, got = call_grpc(server, path, headers)
                else:
                    status = send(server, method, path, headers)
                    refused, got = status in (401, 403), status
                calls += 1
                allowed = scopes is None or bool(has & scopes)
                if allowed and refused and number == 0:
                    faults.append(f"{method} {path} by {name}: {got}, though it has the scope")
                if not allowed and not refused and got not in (301, 307, 308, 404, 405, 400):
                    faults.append(f"{method} {path} by {name}: {got}")
                if not allowed and not refused and number == 0:
                    faults.append(f"{method} {path} by {name}: {got} instead of 401 or 403")
    return f"{len(ROUTES)} routes × {len(callers)} callers in up to six spellings, {calls:,} calls", faults


def send(server, method, path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for header in headers.items():
            connection.putheader(*header)
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


def call_grpc(server, path, headers):
    import h2.config
    import h2.connection
    import h2.events
    http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    sock = server.connect(port=server.grpc)
    http2.initiate_connection()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", path), ("content-type", "application/grpc"), ("te", "trailers")]
    http2.send_headers(1, head + [(k.lower(), v) for k, v in headers.items()])
    http2.send_data(1, bytes(5), end_stream=True)
    sock.sendall(http2.data_to_send())
    status = None
    while status is None:
        for event in http2.receive_data(sock.recv(1 << 16)):
            if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                status = dict(event.headers).get("grpc-status", status)
    sock.close()
    return status in ("7", "16"), f"grpc-status {status}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=attacks.ROOT / "src/InferenceServer/bin/Release/net10.0/InferenceServer.dll", help="the server's assembly")
    parser.add_argument("--only", nargs="+", default=["alone", "leaks", "keys"])
    options = parser.parse_args()
    options.keys = False
    bad = 0
    for promise in (alone, leaks, keys):
        if promise.__name__ not in options.only:
            continue
        server = attacks.Server(options)
        try:
            more = []
            if promise is keys:
                for scope in ("infer", "admin"):
                    digest = hashlib.sha256(f"key-{scope}".encode()).hexdigest()
                    more += [f"--Security:Keys:{scope}:Hash=sha256:{digest}", f"--Security:Keys:{scope}:Scopes={scope}"]
            server.start(*more)
            what, faults = promise(server)
        finally:
            server.close()
        print(f"- {what}: {len(faults)} faults", flush=True)
        for fault in faults[:20]:
            print("    " + fault)
        bad += len(faults)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
