#!/usr/bin/env python3
"""Kills a replica, the broker and the store in turn while two replicas work on one job, and counts what is lost.

    dotnet build -c Release src/InferenceServer && (cd tests/s3 && npm ci) && tests/chaos/jobs.py [--images 2000]

Needs nats-server, node and PIL. The job is then run once more by one server with the engine Folder: each byte must be the same.
With --speed nothing is killed: the job is run by one replica on one core and by two replicas on a core each, and timed.
"""
import argparse
import concurrent.futures
import datetime
import hashlib
import hmac
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "src/InferenceServer/bin/Release/net10.0/InferenceServer.dll"
MODEL = "camvid-deeplabv3plus"
BUCKET = "images"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="chaos-jobs-"))
DOWN = 5  # seconds that what was killed stays away


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Program:
    """A process that can be killed and started again as it was."""
    all = []

    def __init__(self, name, command, ready, **settings):
        self.name, self.command, self.ready, self.settings = name, command, ready, settings
        Program.all.append(self)
        self.start()

    def start(self):
        with open(WORK / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, stdin=subprocess.PIPE, **self.settings)
        began = time.monotonic()
        while not self.ready():
            if time.monotonic() - began > 120 or self.process.poll() is not None:
                raise SystemExit(f"{self.name} does not start; see {WORK / self.name}.log")
            time.sleep(0.05)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def listens(port):
    def look():
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) == 0
    return look


class Store:
    """A client of S3 that can sign: s3rver's only account."""

    def __init__(self, port):
        self.port = port
        self.local = threading.local()

    def request(self, method, path, query="", body=b""):
        for attempt in range(5):
            try:
                self.local.connection = getattr(self.local, "connection", None) or http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                self.local.connection.request(method, path + ("?" + query if query else ""), body, self.headers(method, path, query, body))
                answer = self.local.connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException):
                self.local.connection = None
                time.sleep(0.2)
        raise SystemExit("The store does not answer.")

    def headers(self, method, path, query, body):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {"host": f"127.0.0.1:{self.port}", "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(headers)
        canonical = "\n".join([method, path, query, *(f"{k}:{v}" for k, v in headers.items()), "", names, digest])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4S3RVER"
        for part in scope.split("/"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return headers | {"Authorization": f"AWS4-HMAC-SHA256 Credential=S3RVER/{scope}, SignedHeaders={names}, Signature={signature}"}

    def put(self, key, body):
        status, text = self.request("PUT", f"/{BUCKET}/{key}", body=body)
        assert status == 200, text

    def get(self, key):
        status, body = self.request("GET", f"/{BUCKET}/{key}")
        assert status == 200, (key, status)
        return body

    def keys(self, prefix):
        keys, after = [], ""
        while True:
            query = f"list-type=2&prefix={urllib.parse.quote(prefix, safe='')}"
            if after:
                query = "continuation-token=" + urllib.parse.quote(after, safe="") + "&" + query
            text = self.request("GET", f"/{BUCKET}", query)[1].decode()
            keys += [part.split("</Key>")[0] for part in text.split("<Key>")[1:]]
            if "<IsTruncated>true" not in text:
                return keys
            after = text.split("<NextContinuationToken>")[1].split("<")[0]


def server(name, *settings, core=None):
    port = free_port()
    prefix = [] if core is None else ["taskset", "-c", str(core)]

    def ready():
        return get(port, "/health/ready")[0] == 200
    environment = os.environ | {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER", "AWS_EC2_METADATA_DISABLED": "true"}
    program = Program(
        name,
        [*prefix, "dotnet", str(PROGRAM), f"--urls=http://127.0.0.1:{port}", f"--Models:Path={ROOT / 'models' / MODEL}", "--Onnx:Provider=Cpu",
         "--Jobs:Sources:0=s3://images/in", "--Jobs:Targets:0=s3://images/", "--Serilog:MinimumLevel:Default=Warning", *settings],
        ready, env=environment)
    program.port = port
    return program


def get(port, path):
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""


def create(port, target):
    body = json.dumps({"model": MODEL, "sources": [{"uri": f"s3://{BUCKET}/in/", "glob": "*.jpg"}], "target": {"uri": f"s3://{BUCKET}/{target}/"}})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", "/v1/jobs", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    assert answer.status == 202, text
    return json.loads(text)["id"]


class Watch:
    """Asks each replica that runs for the job, several times a second: each must answer, and progress must not go back."""

    def __init__(self, job, replicas):
        self.job, self.replicas, self.asked, self.unanswered, self.back = job, replicas, 0, 0, 0
        self.last = {replica.name: 0 for replica in replicas}
        self.down = set()
        self.status, self.slowest = {}, 0.0

    def look(self):
        for replica in self.replicas:
            if replica.name in self.down:
                continue
            began = time.monotonic()
            status, text = get(replica.port, f"/v1/jobs/{self.job}")
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.asked += 1
            if status != 200:
                self.unanswered += 1
                print(f"{replica.name} answered {status}: {text[:200]}", file=sys.stderr)
                continue
            self.status = json.loads(text)
            answered = self.status["done"] + self.status["failed"]
            self.back += answered < self.last[replica.name]
            self.last[replica.name] = answered

    def until(self, condition, timeout=900):
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > timeout:
                raise SystemExit(f"In vain: {self.status}; logs in {WORK}")
            self.look()
            time.sleep(0.2)


def processor_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def speed(count, settings):
    """Images a second of the same job on one core and on two. The store, the broker and this script run on the same cores."""
    rates, costs = [], []
    for number in (1, 2):
        replicas = [server(f"{number}-{core}", *settings, core=core) for core in range(number)]
        before = sum(processor_seconds(replica.process) for replica in replicas)
        watch = Watch(create(replicas[0].port, f"speed-{number}"), replicas)
        began = time.monotonic()
        watch.until(lambda: watch.status.get("state") in ("done", "failed"))
        rates.append(count / (time.monotonic() - began))
        costs.append((sum(processor_seconds(replica.process) for replica in replicas) - before) / count * 1000)
        print(f"{number} replicas of one core: {rates[-1]:.1f} images/s, {costs[-1]:.0f} ms of a core an image, {watch.status['done']} done", flush=True)
        for replica in replicas:
            replica.kill()
    print(f"two are {rates[1] / rates[0]:.2f} times as fast as one, at {costs[1] / costs[0]:.2f} times the cost of an image")
    return 0


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--images", type=int, default=2000)
    arguments.add_argument("--speed", action="store_true")
    count, is_speed = arguments.parse_args().images, arguments.parse_args().speed

    s3_port, nats_port = free_port(), free_port()
    (WORK / "objects").mkdir()
    store = Program(
        "store", ["node", "server.cjs", str(WORK / "objects"), str(s3_port), BUCKET], listens(s3_port), cwd=ROOT / "tests/s3")
    broker = Program("broker", ["nats-server", "-js", "-sd", str(WORK / "nats"), "-a", "127.0.0.1", "-p", str(nats_port)], listens(nats_port))
    client = Store(s3_port)
    photo = Image.open(ROOT / "docs/images/street.jpg").convert("RGB").resize((1280, 720))

    def upload(i):
        file = io.BytesIO()
        left, top = (i * 7) % 960, (i * 13) % 480
        photo.crop((left, top, left + 320, top + 240)).point(lambda v: min(255, v + i % 11)).save(file, "JPEG", quality=90)
        client.put(f"in/{i % 10}/{i:05d}.jpg", file.getvalue())

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(upload, range(count)))

    shared = [f"--S3:Endpoint=http://127.0.0.1:{s3_port}"]
    nats = ["--Jobs:Engine=Nats", f"--Nats:Url=nats://127.0.0.1:{nats_port}", "--Jobs:Path=s3://images/jobs"]
    if is_speed:
        return speed(count, [*shared, *nats])

    replicas = [server("replica-1", *shared, *nats), server("replica-2", *shared, *nats)]
    watch = Watch(create(replicas[0].port, "out"), replicas)
    began = time.monotonic()
    victims = [replicas[1], broker, store]
    for number, victim in enumerate(victims, start=1):
        watch.until(lambda: watch.status.get("done", 0) >= count * number / 5)
        at = watch.status["done"]
        watch.down = {victim.name}
        victim.kill()
        pause = time.monotonic()
        watch.until(lambda: time.monotonic() - pause > DOWN)
        victim.start()
        watch.down = set()
        print(f"kill -9 of {victim.name} at {at} of {count}, away for {DOWN} s", flush=True)
    watch.until(lambda: watch.status.get("state") in ("done", "failed"))
    elapsed = time.monotonic() - began

    for replica in replicas:
        replica.kill()
    alone = server("alone", *shared, f"--Jobs:Path={WORK / 'jobs'}")
    again = Watch(create(alone.port, "again"), [alone])
    began = time.monotonic()
    again.until(lambda: again.status.get("state") in ("done", "failed"))
    single = time.monotonic() - began
    alone.kill()

    keys, expected = client.keys("out/"), client.keys("again/")
    masks = [key for key in keys if key.endswith(".png")]
    wanted = {f"out/{i % 10}/{i:05d}.jpg.png" for i in range(count)}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        pairs = list(pool.map(lambda key: (client.get(key), client.get("again" + key[3:])), sorted(wanted & set(keys))))
    different = sum(one != two for one, two in pairs)
    lines = client.get("out/answers.ndjson").splitlines()
    same_lines = client.get("out/answers.ndjson").replace(b"/out/", b"/again/") == client.get("again/answers.ndjson")
    failures = len(client.get("out/failures.ndjson").splitlines())
    distinct = len({hashlib.sha256(one).digest() for one, _ in pairs})
    success = json.loads(client.get("out/_SUCCESS"))
    print(f"{watch.status['state']}: {watch.status['done']} done, {watch.status['failed']} failed in {elapsed:.0f} s; one server with Folder: {single:.0f} s")
    print(f"masks {len(masks)} of {count}, {distinct} distinct; {different} differ from Folder's; answers {len(lines)}, equal to Folder's: {same_lines}; failures {failures}; {success}")
    print(f"replicas asked {watch.asked} times: {watch.unanswered} without an answer, {watch.back} with less progress than before, slowest answer {watch.slowest:.1f} s")
    good = (set(masks) == wanted and len(keys) == len(expected) and different == 0 and same_lines and failures == 0 and len(lines) == count
            and watch.status["state"] == "done" and success["done"] == count and watch.unanswered == 0 and watch.back == 0)
    if good:
        shutil.rmtree(WORK)
    else:
        print(f"logs in {WORK}")
    return 0 if good else 1


if __name__ == "__main__":
    try:
        code = main()
    finally:
        for program in Program.all:
            program.kill()
    sys.exit(code)
