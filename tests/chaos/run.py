#!/usr/bin/env python3
"""Breaks things under load and counts what clients notice. Needs the server built and nothing else; the models are the tiny ones of tests/assets.

    dotnet build -c Release src/InferenceServer && tests/chaos/run.py

Each row: what was done, how many requests were under way or sent meanwhile, how many failed. Ends with 1 if more failed than may.
"""
import http.client
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "src/InferenceServer/bin/Release/net10.0/InferenceServer.dll"
IMAGE = (ROOT / "tests/assets/images/rgb.png").read_bytes()
CLIENTS = 4
SCRAPE = 65536  # the scrape itself takes a buffer


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    def __init__(self, models, *options):
        self.port, self.models, self.options = free_port(), models, options
        self.start()

    def start(self):
        began = time.monotonic()
        self.process = subprocess.Popen(
            ["dotnet", str(PROGRAM), f"--urls=http://127.0.0.1:{self.port}", f"--Models:Path={self.models}", "--Models:Default=tiny", "--Onnx:Provider=Cpu",
             "--Models:SettleTime=00:00:00.100", "--Serilog:MinimumLevel:Default=Fatal", *self.options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while self.get("/health/ready")[0] != 200:
            if time.monotonic() - began > 120 or self.process.poll() is not None:
                raise SystemExit("The server does not get ready.")
            time.sleep(0.02)
        return time.monotonic() - began

    def get(self, path):
        try:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError:
            return 0, ""

    def gauge(self, name):
        return sum(float(m) for m in re.findall(rf"^{name}(?:{{[^}}]*}})? (\S+)$", self.get("/metrics")[1], re.M))

    def version(self):
        return re.search(r'"version":(\d+)', self.get("/v1/models/tiny")[1])[1]


class Load:
    """Clients that send one image after another until they are told to stop."""

    def __init__(self, server):
        self.server, self.sent, self.failed, self.stopping = server, 0, 0, False
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def run(self):
        connection = None
        while not self.stopping:
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
                connection.request("POST", "/v1/segment/tiny", IMAGE)
                answer = connection.getresponse()
                answer.read()
                good = answer.status == 200
            except (OSError, http.client.HTTPException):
                good, connection = False, None
                time.sleep(0.02)
            with self.lock:
                self.sent += 1
                self.failed += not good


def put(models, version, content=None):
    """A version as a careful publisher writes it: renamed when it is whole."""
    folder = models / "tiny" / str(version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx.part").write_bytes(content if content is not None else (ROOT / "tests/assets/models/tiny/1/model.onnx").read_bytes())
    (folder / "model.onnx.part").rename(folder / "model.onnx")


def until(condition, what, timeout=60):
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > timeout:
            raise SystemExit(f"In vain: {what}")
        time.sleep(0.02)
    return time.monotonic() - began


def kill(server, _):
    with Load(server) as load:
        time.sleep(2)
        load.stopping = True  # so that each client ends with the request that is under way
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
    ready = server.start()
    lost = load.failed
    return f"kill -9 under load of {CLIENTS} clients loses {lost} that were under way; ready again after {ready:.1f} s", load.sent, 0, int(lost > CLIENTS)


def hang_up(server, _):
    count = 1000
    for i in range(count):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"POST /v1/segment/tiny HTTP/1.1\r\nHost: chaos\r\nContent-Length: %d\r\n\r\n" % len(IMAGE) + IMAGE[: i % len(IMAGE)])
            if i % 2:  # a reset instead of a farewell
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    waited = until(lambda: server.gauge("seg_admitted_requests") == 0 and server.gauge("seg_admitted_bytes") == 0 and server.gauge("seg_buffer_rented_bytes") <= SCRAPE, "places and buffers given back")
    with Load(server) as load:
        time.sleep(1)
    return f"clients that hang up in the middle of a body; all places and buffers back after {waited:.1f} s", count, load.failed, 0


def disk_full(server, models):
    small = pathlib.Path(tempfile.mkdtemp())
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4k", "tmpfs", str(small)], stderr=subprocess.DEVNULL).returncode == 0
    with Load(server) as load:
        before = server.version()
        folder = models / "tiny" / "50"
        if mounted:
            folder.symlink_to(small)
            try:
                with open(folder / "model.onnx", "wb", buffering=0) as file:
                    file.write((ROOT / "tests/assets/models/tiny/1/model.onnx").read_bytes()[:200])
                    while True:
                        file.write(bytes(4096))
            except OSError as error:
                how = error.strerror
        else:
            put(models, 50, (ROOT / "tests/assets/models/tiny/1/model.onnx").read_bytes()[:200])
            how = "cut by hand: no right to mount a small disk"
        until(lambda: "tiny/50" in server.get("/v1/models/tiny")[1], "the reason beside the version that serves")
        kept = server.version() == before
    if mounted:
        folder.unlink()
        subprocess.run(["umount", str(small)], check=True)
    else:
        shutil.rmtree(folder)
    return f"a version copied onto a full disk ({how}); the old one keeps serving", load.sent, load.failed, 0 if kept else 1


def corrupted(server, models):
    whole = (ROOT / "tests/assets/models/tiny/1/model.onnx").read_bytes()
    spoilt = [b"", b"no graph", whole[:100], whole[:-1], bytes(len(whole)), whole[:60] + b"\xff" * 40 + whole[100:], whole * 2]
    wrong = 0
    with Load(server) as load:
        for number, content in enumerate(spoilt, start=100):
            before = server.version()
            put(models, number, content)
            until(lambda: server.version() == str(number) or f"tiny/{number}" in server.get("/v1/models/tiny")[1], f"version {number} noticed")
            accepted = server.version() == str(number)  # an ONNX file may end in bytes that mean nothing
            wrong += not accepted and server.version() != before
            put(models, number + 100)
            until(lambda: server.version() == str(number + 100), "a good version after it")
            shutil.rmtree(models / "tiny" / str(number + 100))
            shutil.rmtree(models / "tiny" / str(number))
            until(lambda: server.version() == "1", "back to the first")
        manifest = (models / "tiny" / "model.json").read_text()
        (models / "tiny" / "model.json").write_text(manifest[:100])
        time.sleep(1)
        (models / "tiny" / "model.json").write_text(manifest)
        time.sleep(1)
    return f"{len(spoilt)} damaged versions and a manifest cut in half, each followed by a good one", load.sent, load.failed, wrong


def main():
    models = pathlib.Path(tempfile.mkdtemp(prefix="chaos-"))
    shutil.copytree(ROOT / "tests/assets/models/tiny", models / "tiny")
    server = Server(models)
    bad = 0
    try:
        print("| what happens | requests | failed |\n|---|--:|--:|")
        for scene in (kill, hang_up, disk_full, corrupted):
            what, sent, failed, wrong = scene(server, models)
            print(f"| {what} | {sent:,} | {failed} |", flush=True)
            bad += failed + wrong
    finally:
        server.process.kill()
        shutil.rmtree(models)
    return 1 if bad else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
