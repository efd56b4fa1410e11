#!/usr/bin/python3
"""Memory and load time of models: the server's resident set when a model is ready, and after requests one by one and two at a time.

Starts the server with each model alone (--together: with all of them), and once with none but a tiny one, whose memory is that of the process itself.
--against BUILD measures another build by turns with this one: its folder of InferenceServer.dll. What its masks are is compared, too.

    dotnet build -c Release && /usr/bin/python3 tests/soak/models.py models/camvid-deeplabv3plus [...] [--requests 20] [--together] [--against BUILD]    (Pillow)
"""
import argparse
import concurrent.futures
import hashlib
import io
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / "src/InferenceServer/bin/Release/net10.0"
TINY = ROOT / "tests/assets/models/tiny"
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    URL = f"http://127.0.0.1:{free.getsockname()[1]}"


def get(path):
    with urllib.request.urlopen(URL + path, timeout=60) as answer:
        return answer.read()


class Server:
    """The server with some models, until the block ends."""

    def __init__(self, build, models):
        self.build, self.models = build, models

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        for model in self.models:
            (pathlib.Path(self.folder.name) / model.name).symlink_to(model.resolve())
        begun = time.monotonic()
        self.process = subprocess.Popen(
            ["dotnet", str(self.build / "InferenceServer.dll"), "--urls", URL, f"--Models:Path={self.folder.name}", "--Scheduling:MaxTimeout=00:10:00",
             "--Scheduling:DefaultTimeout=00:10:00"], cwd=self.build, stdout=subprocess.DEVNULL)
        while time.monotonic() - begun < 600:
            try:
                get("/health/ready") # of the default model
                sum(self.load(model) for model in self.models)
                self.start = self.processor()
                return self
            except (OSError, TypeError, KeyError):
                time.sleep(0.1)
        self.process.kill()
        raise SystemExit("the server did not start")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.folder.cleanup()

    def memory(self):
        """Resident and private dirty bytes, once the server is idle."""
        time.sleep(3)
        fields = {}
        for line in pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, value, _ = line.split()
            fields[name] = int(value) * 1024
        return fields["Rss:"], fields["Private_Dirty:"]

    def processor(self):
        """Seconds of processor time so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def load(self, model):
        return json.loads(get(f"/v1/models/{model.name}"))["load_ms"] / 1000

    def segment(self, model, image):
        request = urllib.request.Request(f"{URL}/v1/segment/{model.name}?format=png", image, {"Content-Type": "image/png"})
        with urllib.request.urlopen(request, timeout=600) as answer:
            return hashlib.sha256(answer.read()).hexdigest()


def picture(model):
    height, width = json.loads((model / "model.json").read_text()).get("cost", {}).get("at", [480, 640])
    ramp = Image.linear_gradient("L").resize((width, height))
    noise = Image.effect_noise((width, height), 60)
    file = io.BytesIO()
    Image.merge("RGB", (ramp, noise, ramp.rotate(90).resize((width, height)))).save(file, "PNG")
    return file.getvalue()


def measure(build, models, images, requests, name):
    with Server(build, models) as server:
        row, masks = [server.memory()], []
        for parallel in (1, 2):
            begun, processor = time.monotonic(), server.processor()
            with concurrent.futures.ThreadPoolExecutor(parallel) as pool:
                jobs = [(model, image) for _ in range(requests) for model, image in zip(models, images)]
                masks.append(list(pool.map(lambda job: server.segment(*job), jobs))[:len(models)])
            seconds = (time.monotonic() - begun) / len(jobs), (server.processor() - processor) / len(jobs)
            row.append(server.memory())
            row.append(seconds)
        load = sum(server.load(model) for model in models)
        (ready, (one, wall, used), (two, walls, useds)) = row[0], (row[1], *row[2]), (row[3], *row[4])
        print(f"{name:28} load {load:5.1f} s (start and load {server.start:.1f} s of processor); MB resident (private dirty): ready {show(ready)}, one by one {show(one)}, two at a time {show(two)}; "
              f"ms a mask (of processor): {wall * 1000:.0f} ({used * 1000:.0f}), {walls * 1000:.0f} ({useds * 1000:.0f})", flush=True)
        return masks


def show(memory):
    return f"{memory[0] / 1e6:.0f} ({memory[1] / 1e6:.0f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", type=pathlib.Path)
    parser.add_argument("--requests", type=int, default=20)
    parser.add_argument("--together", action="store_true")
    parser.add_argument("--against", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    builds = {"": BUILD} if options.against is None else {"before": options.against, "after": BUILD}
    for turn, build in builds.items():
        with Server(build, [TINY]) as server:
            print(f"{'a tiny model ' + turn:28} {show(server.memory())} MB", flush=True)
    groups = [options.models] if options.together else [[model] for model in options.models]
    for group in groups:
        images = [picture(model) for model in group]
        file = sum(weights.stat().st_size for model in group for weights in (model / "1").iterdir())
        name = group[0].name if len(group) == 1 else f"{len(group)} models"
        print(f"{name}: {file / 1e6:.0f} MB")
        masks = []
        for _ in range(options.rounds):
            masks += [measure(build, group, images, options.requests, turn or "now") for turn, build in builds.items()]
        if any(other != masks[0] for other in masks):
            print("MASKS DIFFER")


main()
