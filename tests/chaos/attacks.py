#!/usr/bin/env python3
"""Attacks a server with one client, and counts what the other clients still get.

    apt-get install python3-h2 python3-pil
    dotnet build -c Release src/InferenceServer && sudo tests/chaos/attacks.py [--only NAME …] [--program OTHER.dll] [--keys]

Each attack meets a new server in a memory cgroup of 4 GiB, with the tiny models of the tests. The attacker calls from 127.0.0.1, the others
from 127.0.0.2; with --keys all call from one address, each with a key of its own. The others send ten small requests a second. A row: the
attack, how many of the others' requests got the right answer, their median and slowest, and the most memory that the server took.
Ends with 1 if the server ended, or the others lost more than a tenth.
"""
import argparse
import ctypes
import contextlib
import hashlib
import http.client
import io
import json
import os
import pathlib
import shutil
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
ASSETS = ROOT / "tests/assets"
IMAGE = (ASSETS / "images/rgb.png").read_bytes()
CGROUP = pathlib.Path("/sys/fs/cgroup/memory/chaos")
LIMIT = 4 << 30
ATTACKER, OTHERS = "127.0.0.1", "127.0.0.2"
KEYS = {ATTACKER: "the key of the attacker", OTHERS: "the key of the others"}
INTERVAL, LEAST = 0.1, 0.9


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Server:
    """A server of the tiny models in a cgroup with a limit on memory."""

    def __init__(self, options):
        self.options, self.port, self.grpc, self.volumes = options, free_port(), free_port(), []
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="attacks-"))
        self.models = self.folder / "models"
        for name in ("tiny", "tiny-probabilities", "tiny-binary"):
            shutil.copytree(ASSETS / "models" / name, self.models / name)
        (self.folder / "tmp").mkdir()
        self.limited = self.make_group()

    def make_group(self):
        try:
            CGROUP.mkdir(exist_ok=True)
            (CGROUP / "memory.limit_in_bytes").write_text(str(LIMIT))
            (CGROUP / "memory.max_usage_in_bytes").write_text("0")
            return True
        except OSError:
            return False

    def start(self, *more):
        keys = []
        if self.options.keys:
            for name, (address, key) in zip(("attacker", "others"), KEYS.items()):
                keys += [f"--Security:Keys:{name}:Hash=sha256:{hashlib.sha256(key.encode()).hexdigest()}", f"--Security:Keys:{name}:Scopes=infer"]

        def enter():
            if self.limited:
                (CGROUP / "cgroup.procs").write_text(str(os.getpid()))
        self.log = open(self.folder / "log", "wb")
        self.process = subprocess.Popen(
            ["dotnet", str(self.options.program), f"--urls=http://127.0.0.1:{self.port}", f"--OpenInference:GrpcUrl=http://127.0.0.1:{self.grpc}",
             f"--Models:Path={self.models}", "--Models:Default=tiny", "--Models:SettleTime=00:00:00.100", "--Onnx:Provider=Cpu", f"--Jobs:Path={self.folder / 'jobs'}", *keys, *more],
            stdout=self.log, stderr=self.log, preexec_fn=enter, env=os.environ | {"TMPDIR": str(self.folder / "tmp")})
        began = time.monotonic()
        while self.call(OTHERS, "GET", "/health/ready")[0] != 200:
            if time.monotonic() - began > 120 or self.process.poll() is not None:
                raise SystemExit(f"The server does not get ready; see {self.folder / 'log'}")
            time.sleep(0.05)

    def headers(self, client):
        if self.options.keys:
            return {"X-API-Key": KEYS[client]}
        return {}

    def address(self, client):
        return ATTACKER if self.options.keys else client

    def call(self, client, method, path, body=None, headers=None, timeout=30):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout, source_address=(self.address(client), 0))
        try:
            connection.request(method, path, body, self.headers(client) | (headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()

    def connect(self, client=ATTACKER, port=None, receive=None):
        sock = socket.socket()
        if receive:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
        sock.settimeout(20)
        sock.bind((self.address(client), 0))
        sock.connect(("127.0.0.1", port or self.port))
        return sock

    def begin(self, path, length=None, *headers, method="POST", receive=None):
        """A connection with the headers of a request, and nothing of its body."""
        sock = self.connect(receive=receive)
        lines = [f"{method} {path} HTTP/1.1", "Host: attack", *(f"{k}: {v}" for k, v in self.headers(ATTACKER).items()), *headers]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return sock

    def resident(self):
        """Bytes of memory that the process has now."""
        try:
            for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                if line.startswith("VmRSS"):
                    return int(line.split()[1]) << 10
        except OSError:
            pass
        return 0

    def peak(self):
        try:
            text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
            return int(text.split("VmHWM:")[1].split()[0]) << 10
        except (OSError, IndexError):
            return LIMIT

    def close(self):
        self.process.kill()
        for volume in self.volumes:
            volume.close()  # a process ends only once its calls do
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class Others:
    """Clients that send a request every tenth of a second, and compare the answer with the one before the attack."""

    def __init__(self, server, method="POST", path="/v1/segment/tiny", body=IMAGE, headers=None, status=200, same=True, interval=INTERVAL):
        self.server, self.request, self.status, self.interval = server, (method, path, body, headers), status, interval
        self.good, self.times, self.wrong, self.threads, self.stopping = 0, [], {}, [], False
        got, self.right = server.call(OTHERS, *self.request)
        if got != status:
            raise SystemExit(f"{path} is answered {got} before the attack: {self.right[:300]!r}")
        if not same:
            self.right = None

    def __enter__(self):
        self.threads = [threading.Thread(target=self.run)]
        self.threads[0].start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        for thread in self.threads:
            thread.join()

    def run(self):
        calls = []
        while not self.stopping:
            calls.append(threading.Thread(target=self.one))
            calls[-1].start()
            time.sleep(self.interval)
        for call in calls:
            call.join()

    def one(self):
        began = time.monotonic()
        status, body = self.server.call(OTHERS, *self.request, timeout=30)
        if status == self.status and self.right in (None, body):
            self.good += 1
        else:
            self.wrong[status] = self.wrong.get(status, 0) + 1
        self.times.append(time.monotonic() - began)


def quietly(action, *arguments):
    with contextlib.suppress(OSError):
        return action(*arguments)


def in_threads(count, action):
    threads = [threading.Thread(target=quietly, args=(action, i)) for i in range(count)]
    for thread in threads:
        thread.start()
    return threads


def hold(sockets, seconds, piece=b"", every=1.0):
    """Keeps connections, and sends a little over each now and then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if piece:
            for sock in sockets:
                quietly(sock.sendall, piece)
        time.sleep(every)
    for sock in sockets:
        quietly(sock.close)


# Images

def png(width, height, depth, color, rows=None):
    """A black PNG of any size, made row by row."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4, 3: 1}[color]
    line = bytes(1 + (width * samples * depth + 7) // 8)
    packer, data = zlib.compressobj(9), []
    for _ in range(height):
        data.append(packer.compress(line))
    data = b"".join(data) + packer.flush()

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(width, height, samples, bits, kind):
    """A TIFF of zeros in strips of one row, each the same deflated bytes."""
    row = zlib.compress(bytes(width * samples * bits // 8), 9)
    offsets_at = 8 + len(row)
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 8), (262, 3, 1, 2 if samples > 2 else 1),
               (273, 4, height, offsets_at if height > 1 else 8), (277, 3, 1, samples), (278, 4, 1, 1),
               (279, 4, height, offsets_at + 4 * height if height > 1 else len(row)), (339, 3, 1, kind)]
    if samples == 4:
        entries.insert(8, (338, 3, 1, 2))
    entries.sort()
    body = row + struct.pack(f"<{height}I", *[8] * height) + struct.pack(f"<{height}I", *[len(row)] * height)
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


# Attacks: each is called with the server while the others send their requests

def shoot(server, bodies, path="/v1/segment/tiny", clients=16, seconds=30, headers=None):
    """Many clients that send large bodies again and again."""
    end, answers = time.monotonic() + seconds, {}

    def client(number):
        turn = number
        while time.monotonic() < end and server.process.poll() is None:
            status, _ = server.call(ATTACKER, "POST", path, bodies[turn % len(bodies)], headers, timeout=60)
            answers[status] = answers.get(status, 0) + 1
            turn += 1
            time.sleep(0.01 if status == 200 else 0.1)
    for thread in in_threads(clients, client):
        thread.join()
    return "answers " + ", ".join(f"{k}: {v}" for k, v in sorted(answers.items()))


def long_sides(server):
    """images of 100,000,000×1, 1,000,000×100, 200,000×500 and 1×100,000,000"""
    return shoot(server, [png(100_000_000, 1, 16, 6), tiff(1_000_000, 100, 4, 32, 3), png(100_000_000, 1, 8, 2), png(200_000, 500, 16, 6), png(1, 10_000_000, 8, 2)])


def largest_images(server):
    """images of 100 megapixels, as many as fit: 16 bits, alpha, progressive, turned"""
    from PIL import Image
    big = Image.new("RGB", (10_000, 10_000))
    exif = Image.Exif()
    exif[0x112] = 6
    return shoot(server, [
        png(65_535, 1_500, 16, 6), png(10_000, 10_000, 16, 6), png(1_500, 65_535, 8, 2), saved(big, "JPEG", progressive=True), saved(big, "JPEG", exif=exif),
        tiff(65_535, 1_500, 4, 32, 3), tiff(10_000, 10_000, 3, 16, 1)], seconds=60)


def large_answers(server):
    """answers of a gigabyte: `npy-probabilities` of 24 megapixels, and each other format of 48"""
    from PIL import Image
    wide = saved(Image.new("RGB", (8_000, 6_000)), "PNG")
    bodies = [saved(Image.new("RGB", (6_000, 4_000)), "PNG")]
    lines = [shoot(server, bodies, "/v1/segment/tiny?format=npy-probabilities", clients=4, seconds=25)]
    for form in ("npy", "overlay", "geotiff", "gpkg", "masks", "polygons", "color"):
        lines.append(form + " " + shoot(server, [wide], f"/v1/segment/tiny?format={form}", clients=4, seconds=5))
    return "; ".join(lines)


def json_numbers(server):
    """JSON of 60 MB of small numbers to each route that takes JSON"""
    body = b'{"image": [' + b"1," * (30 << 20) + b"1]}"
    lines = []
    for path in ("/v1/segment/tiny", "/huggingface/tiny", "/label-studio/predict", "/api/function_invocations", "/api/remove", "/v1/jobs", "/v2/models/tiny/infer"):
        lines.append(shoot(server, [body], path, clients=4, seconds=4, headers={"Content-Type": "application/json"}))
    return "; ".join(lines)


class Streams:
    """One connection of HTTP/2 with many streams."""

    def __init__(self, server):
        import h2.config
        import h2.connection
        self.http2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
        self.server = server
        self.socket = server.connect(port=server.grpc)
        self.http2.initiate_connection()
        self.flush()
        time.sleep(0.05)
        self.receive()

    def open(self, path, kind="application/grpc", data=b"", keyed=True):
        stream = self.http2.get_next_available_stream_id()
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "attack"), (":path", path), ("content-type", kind), ("te", "trailers")]
        if keyed:
            headers += [(k.lower(), v) for k, v in self.server.headers(ATTACKER).items()]
        self.http2.send_headers(stream, headers)
        self.send(stream, data)
        return stream

    def send(self, stream, data):
        room = min(len(data), self.http2.local_flow_control_window(stream))
        while room > 0:
            part = min(room, 16_384)
            self.http2.send_data(stream, data[:part])
            data, room = data[part:], room - part
        self.flush()

    def flush(self):
        self.socket.sendall(self.http2.data_to_send())

    def receive(self):
        self.socket.settimeout(0.01)
        with contextlib.suppress(OSError):
            while data := self.socket.recv(1 << 16):
                self.http2.receive_data(data)
        self.socket.settimeout(20)
        self.flush()


def stream_flood(paths, keyed):
    def attack(server):
        message = b"\0" + struct.pack(">I", 1 << 20) + bytes(1 << 20)
        end, opened = time.monotonic() + 30, [0]

        def connection(_):
            while time.monotonic() < end and server.process.poll() is None:
                with contextlib.suppress(Exception):
                    streams = Streams(server)
                    for i in range(100):
                        streams.open(paths[i % len(paths)], data=message, keyed=keyed)
                        opened[0] += 1
                        streams.receive()
                    time.sleep(4)
                    streams.socket.close()
        for thread in in_threads(25, connection):
            thread.join()
        return f"{opened[0]:,} streams"
    return attack


def slow_index(server):
    """1,500 connections that send a megabyte slowly to `/v2/repository/index`"""
    sockets = []
    for _ in range(1500):
        with contextlib.suppress(OSError):
            sock = server.begin("/v2/repository/index", 1 << 20, "Content-Type: application/json")
            sock.sendall(bytes(4096))
            sockets.append(sock)
    hold(sockets, 15, b" " * 400)
    return f"{len(sockets):,} connections"


def announced(server):
    """four uploads that announce 64 MiB and send 40 kB"""
    end, count = time.monotonic() + 30, 0
    while time.monotonic() < end:
        sockets = []
        for _ in range(4):
            sock = server.begin("/v1/segment/tiny", 64 << 20, "Content-Type: image/png")
            quietly(sock.sendall, bytes(40_000))
            sockets.append(sock)
            count += 1
        hold(sockets, 10, b" " * 400)
    return f"{count} uploads"


def slow_bodies(server):
    """64 slow bodies, again and again"""
    end, count = time.monotonic() + 40, 0
    while time.monotonic() < end:
        sockets = []
        for _ in range(64):
            with contextlib.suppress(OSError):
                sockets.append(server.begin("/v1/segment/tiny", 1 << 20, "Content-Type: image/png"))
                count += 1
        hold(sockets, 10, b" " * 400)
    return f"{count} bodies"


def slow_streams(server, method="ModelInfer"):
    """slow bodies on HTTP/2: `ModelInfer` on 10 connections of 100 streams"""
    connections = []
    for _ in range(10):
        with contextlib.suppress(Exception):
            streams = Streams(server)
            raw = (1 << 20) - 10  # field 7, raw_input_contents, which fills the message
            message = b"\0" + struct.pack(">I", 1 << 20) + b"\n\4tiny" + bytes([0x3A, raw & 127 | 128, raw >> 7 & 127 | 128, raw >> 14]) + bytes(5_000)
            streams.ids = [streams.open(INFERENCE + method, data=message) for _ in range(100)]
            connections.append(streams)
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for streams in connections:
            with contextlib.suppress(Exception):
                streams.receive()
                for stream in streams.ids:
                    with contextlib.suppress(Exception):
                        streams.http2.send_data(stream, bytes(50))
                streams.flush()
        time.sleep(0.2)
    return f"{len(connections) * 100:,} streams"


def unread(server):
    """64 clients that never read an answer of 7.6 MB"""
    from PIL import Image
    body = saved(Image.new("RGB", (2_760, 2_760)), "PNG")
    end, count = time.monotonic() + 60, [0]

    def client(_):
        while time.monotonic() < end and server.process.poll() is None:
            sock = server.begin("/v1/segment/tiny?format=raw", len(body), "Content-Type: image/png", receive=4096)
            quietly(sock.sendall, body)
            count[0] += 1
            time.sleep(20)
            sock.close()
    for thread in in_threads(64, client):
        thread.join()
    return f"{count[0]} requests"


def slow_batches(server):
    """ten slow uploads to `/v1/segment:batch`; the others send zips"""
    sockets = [server.begin("/v1/segment:batch?model=tiny", 100 << 20, "Content-Type: application/zip") for _ in range(10)]
    hold(sockets, 30, bytes(400))
    return "10 uploads"


def slow_jobs(server):
    """slow uploads to `/v1/jobs` that announce all the room there is, a gibibyte each at first; the others make jobs"""
    sizes = [1 << 30] * 12 + [1 << bits for bits in range(29, 5, -1) for _ in range(2)]
    hold([server.begin("/v1/jobs?model=tiny", size, "Content-Type: application/zip") for size in sizes], 30, bytes(400))
    return f"{len(sizes)} uploads"


def zipped(image=IMAGE):
    import zipfile
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("a.png", image)
    return buffer.getvalue()


def noise():
    """A PNG of 270 kB."""
    from PIL import Image
    return saved(Image.frombytes("RGB", (300, 300), os.urandom(270_000)), "PNG")


ZIP = {"Content-Type": "application/zip"}


def many_jobs(server):
    """150 tiny jobs of one client; the others make a job now and then"""
    answers = {}
    for _ in range(150):
        status, _ = server.call(ATTACKER, "POST", "/v1/jobs?model=tiny", zipped(), ZIP)
        answers[status] = answers.get(status, 0) + 1
    time.sleep(5)
    return "answers " + ", ".join(f"{k}: {v}" for k, v in sorted(answers.items()))


def deep_xml(server):
    """`label_config` nested 149,000 deep"""
    xml = "<View>" + "<a>" * 149_000 + "</a>" * 149_000 + "</View>"
    body = json.dumps({"label_config": xml, "tasks": []}).encode()
    return shoot(server, [body], "/label-studio/predict", clients=4, headers={"Content-Type": "application/json"})


def many_directories(server):
    """TIFF with a million directories"""
    count, page = 1_000_000, bytearray()
    data = bytearray(b"II*\0" + struct.pack("<I", 8 + 64 * 64))
    data += bytes(64 * 64)
    entry = [(256, 4, 1, 64), (257, 4, 1, 64), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, 64), (279, 4, 1, 4096)]
    first = struct.pack("<H", len(entry)) + b"".join(struct.pack("<HHII", *e) for e in entry)
    data += first + struct.pack("<I", len(data) + len(first) + 4)
    small = struct.pack("<HHHII", 1, 256, 4, 1, 64)
    for i in range(count):
        data += small + struct.pack("<I", len(data) + len(small) + 4 if i < count - 1 else 0)
    return shoot(server, [bytes(data)], clients=4)


def add_model(server, name, put):
    """Adds a model whose files `put` changes before the server sees them."""
    folder = server.folder / name
    shutil.copytree(ASSETS / "models/tiny", folder)
    manifest = folder / "model.json"
    manifest.write_text(manifest.read_text().replace('"name": "tiny",', ""))
    put(folder)
    folder.rename(server.models / name)
    time.sleep(3)


def until_served(server, name, seconds):
    began = time.monotonic()
    while server.call(OTHERS, "POST", f"/v1/segment/{name}", IMAGE)[0] != 200:
        if time.monotonic() - began > seconds:
            return f"the new model is **not loaded** after {seconds} s"
        time.sleep(0.1)
    return f"the new model serves after {time.monotonic() - began:.1f} s"


def pipe_model(server):
    """a named pipe as the graph of a model; the others meanwhile get a new model loaded"""
    def put(folder):
        (folder / "1/model.onnx").unlink()
        os.mkfifo(folder / "1/model.onnx")
    add_model(server, "blocked", put)
    add_model(server, "later", lambda folder: None)
    return until_served(server, "later", 20)


class HungVolume:
    """A mounted file system that never answers: nothing reads from its end of the device."""

    def __init__(self, place):
        place.mkdir()
        self.place, self.device = place, os.open("/dev/fuse", os.O_RDWR)
        self.libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.device},rootmode=40000,user_id=0,group_id=0"
        if self.libc.mount(b"hung", str(place).encode(), b"fuse", 0, options.encode()) != 0:
            raise OSError(ctypes.get_errno(), "Cannot mount a file system")

    def close(self):
        self.libc.umount2(str(self.place).encode(), 2)  # MNT_DETACH
        os.close(self.device)


def hung_volume(server):
    """a volume that never answers holds the graph of one model, the manifest of another, and a third as a whole; the others meanwhile get a new model loaded"""
    volume, whole = HungVolume(server.folder / "volume"), HungVolume(server.models / "whole")

    def link(name):
        def put(folder):
            (folder / name).unlink()
            (folder / name).symlink_to(volume.place / "file")
        return put
    server.volumes = [volume, whole]
    add_model(server, "graph", link("1/model.onnx"))
    add_model(server, "manifest", link("model.json"))
    add_model(server, "later", lambda folder: None)
    return until_served(server, "later", 60)


def hang_up_signal(server):
    """SIGHUP to the server, five times"""
    for _ in range(5):
        server.process.send_signal(signal.SIGHUP)
        time.sleep(1)
    return "five signals"


def full_disk(server):
    """uploads of a client fill the folder for temporary files (4 MB)"""
    small = server.folder / "tmp"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=True)
    try:
        return shoot(server, [os.urandom(6 << 20)], "/v1/segment:batch?model=tiny", clients=2, seconds=10, headers=ZIP)
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def idle_after(server, attack):
    """Resident memory a minute after an attack, beside that before."""
    before = server.resident()
    note = attack(server)
    time.sleep(60)
    return f"{note}; resident {before >> 20:,} MB before, {server.resident() >> 20:,} MB a minute after"


INFERENCE = "/inference.GRPCInferenceService/"
LS = dict(path="/v1/segment/tiny")
ATTACKS = {
    "long-sides": (long_sides, {}),
    "largest-images": (lambda s: idle_after(s, largest_images), {}),
    "large-answers": (lambda s: idle_after(s, large_answers), {}),
    "json-numbers": (json_numbers, {}),
    "grpc-no-key": (stream_flood(["/grpc.health.v1.Health/Check", INFERENCE + "ServerLive", INFERENCE + "ModelReady"], keyed=False), {}),
    "grpc-tensors": (stream_flood([INFERENCE + "ModelInfer"], keyed=True), {}),
    "slow-index": (slow_index, {}),
    "announced": (announced, {}),
    "slow-bodies": (slow_bodies, {}),
    "slow-streams": (slow_streams, {}),
    "slow-messages": (lambda s: slow_streams(s, "ModelStreamInfer"), {}),
    "unread": (unread, {}),
    "slow-batches": (slow_batches, dict(path="/v1/segment:batch?model=tiny", body=zipped(), headers=ZIP, same=False)),
    "slow-jobs": (slow_jobs, dict(path="/v1/jobs?model=tiny", body=zipped(noise()), headers=ZIP, same=False, status=202, interval=1)),
    "many-jobs": (many_jobs, dict(path="/v1/jobs?model=tiny", body=zipped(), headers=ZIP, same=False, status=202, interval=1)),
    "deep-xml": (deep_xml, {}),
    "tiff-directories": (many_directories, {}),
    "pipe-model": (pipe_model, {}),
    "hung-volume": (hung_volume, {}),
    "sighup": (hang_up_signal, {}),
    "full-disk": (full_disk, {}),
}
WORDS = {
    "largest-images": largest_images.__doc__, "large-answers": large_answers.__doc__,
    "grpc-no-key": "gRPC without a key: 25 connections × 100 streams with a megabyte each", "grpc-tensors": "the same as messages of `ModelInfer`",
    "slow-messages": "slow messages of `ModelStreamInfer`: 10 connections × 100 streams",
}


def run(name, options):
    attack, others = ATTACKS[name]
    server = Server(options)
    try:
        server.start()
        with Others(server, **others) as load:
            time.sleep(1)
            note = attack(server)
            time.sleep(1)
            alive = server.process.poll() is None
        share = load.good / max(len(load.times), 1)
        lost = ", ".join(f"{k}: {v}" for k, v in sorted(load.wrong.items()))
        words = (WORDS.get(name) or attack.__doc__).strip()
        print(f"| {words} | {load.good:,} of {len(load.times):,} = {share:.0%} | {statistics.median(load.times) * 1000:,.0f} ms, {max(load.times) * 1000:,.0f} ms "
              f"| {server.peak() >> 20:,} MB{'' if alive else ', **ended**'} | {note} | {lost} |", flush=True)
        return alive and share >= LEAST
    finally:
        server.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ATTACKS), default=list(ATTACKS), help="names of attacks")
    parser.add_argument("--keys", action="store_true", help="the clients have keys, and one address")
    parser.add_argument("--program", default=ROOT / "src/InferenceServer/bin/Release/net10.0/InferenceServer.dll", help="the server's assembly")
    options = parser.parse_args()
    print("| attack | others' requests answered | median, slowest | most memory | the attacker | others' errors |\n|---|--:|--:|--:|---|---|", flush=True)
    results = [run(name, options) for name in options.only]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
