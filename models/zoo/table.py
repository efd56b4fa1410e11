"""Measures every system at full size with random weights, and writes the table of ../README.md:

    python3 table.py [SYSTEM/BACKBONE ...] [--runs 5]

Each is exported into a temporary folder, measured by `inference-server bench` on this machine's processor (and on its GPU, if it has one), and deleted.
One takes between a second and two minutes; the largest need 6 GB. What was measured is kept in logs/table.json, so that a row can be measured anew by its name.
Measure on a machine that has nothing else to do: times of a busy one are shown as upper bounds, and --missing measures them again.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import manifest
import systems

ZOO = Path(__file__).parent
ROOT = ZOO.parent.parent
KEPT, README = ZOO / "logs" / "table.json", ZOO.parent / "README.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"

# system, backbone, classes, [height, width], options; the sizes are those that the papers and forks report.
ROWS = [
    ("fcn32s", "vgg16", "voc", (500, 500), {}), ("fcn16s", "vgg16", "voc", (500, 500), {}), ("fcn8s", "vgg16", "voc", (500, 500), {}),
    ("fcn8s", "vgg16-p1", "voc", (512, 512), {}), ("fcn8s", "resnet34", "voc", (512, 512), {}),
    ("fcn", "resnet50", "voc", (520, 520), {}), ("fcn", "resnet101", "voc", (520, 520), {}),
    ("deeplabv1-largefov", "vgg16", "voc", (513, 513), {}), ("deeplabv1-msc", "vgg16", "voc", (513, 513), {}),
    ("deeplabv2", "vgg16", "voc", (513, 513), {}), ("deeplabv2", "resnet101", "voc", (513, 513), {}), ("deeplabv2-msc", "resnet101", "voc", (513, 513), {}),
    ("deeplabv3", "resnet50", "voc", (513, 513), {}), ("deeplabv3", "resnet101", "voc", (513, 513), {}),
    ("deeplabv3", "mobilenetv2", "voc", (513, 513), {}), ("deeplabv3", "xception65", "voc", (513, 513), {}),
    ("deeplabv3plus", "resnet50", "voc", (513, 513), {}), ("deeplabv3plus", "resnet101", "voc", (513, 513), {}),
    ("deeplabv3plus", "mobilenetv2", "voc", (513, 513), {"decoder_convs": 1}), ("deeplabv3plus", "xception65", "voc", (513, 513), {}),
    ("refinenet", "resnet50", "voc", (512, 512), {}), ("refinenet", "resnet101", "voc", (512, 512), {}),
    ("unet", "original", "2", (388, 388), {}), ("unet", "transposed", "2", (512, 512), {}), ("unet", "bilinear", "2", (512, 512), {}),
    ("pspnet", "resnet50", "voc", (473, 473), {}), ("pspnet", "resnet101", "voc", (473, 473), {}),
    ("hrnetv2", "w18", "cityscapes", (512, 1024), {}), ("hrnetv2", "w32", "cityscapes", (512, 1024), {}), ("hrnetv2", "w48", "cityscapes", (512, 1024), {}),
    ("segnet", "vgg16", "camvid", (352, 480), {}), ("segnet", "basic", "camvid", (352, 480), {}), ("dsrl", "resnet101", "cityscapes", (256, 512), {}), ("hanet", "resnet101", "cityscapes", (512, 1024), {}),
    ("spnet", "resnet50", "ade20k", (480, 480), {}), ("spnet", "resnet101", "cityscapes", (480, 480), {}),
    ("cpnet", "resnet50", "ade20k", (480, 480), {}), ("cpnet", "resnet101", "ade20k", (480, 480), {}),
]


def run(command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def others():
    """The seconds of processor time that other processes have taken so far, and those that there were."""
    line = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    times, mine = [int(value) / os.sysconf("SC_CLK_TCK") for value in line], os.times()
    return sum(times) - times[3] - times[4] - sum(mine[:4]), sum(times)


def measure(row, program, provider, runs):
    system, backbone, classes, (height, width), options = row
    folder = Path(tempfile.mkdtemp(prefix="zoo-"))
    try:
        sets = [part for key, value in options.items() for part in ("--option", f"{key}={json.dumps(value)}")]
        run([sys.executable, ZOO / "export.py", system, "--backbone", backbone, "--classes", classes, "--out", folder / "model", *sets, "--at", f"{height}x{width}"])
        text, report = json.loads((folder / "model" / "model.json").read_text()), folder / "report.json"
        runs, begun = runs if text["cost"]["gmac"] < 100 else 2, others()
        run([*program, "bench", "--models", folder, "--model", "model", "--size", f"{width}x{height}", "--runs", runs, "--warmup", 1, "--provider", provider, "--json", report])
        taken = (others()[0] - begun[0]) / (others()[1] - begun[1])
        bench = json.loads(report.read_text())
        return {
            "parameters": text["cost"]["parameters"], "gmac": text["cost"]["gmac"], "input": bench["input"], "bytes": (folder / "model" / "1" / "model.onnx").stat().st_size,
            "load_ms": bench["load_ms"], "network_ms": bench["raw"]["p50_ms"], "request_ms": bench["full"]["p50_ms"], "peak_bytes": bench["peak_resident_bytes"],
            "busy": taken > 0.1,
        }
    finally:
        shutil.rmtree(folder)


def machine(provider):
    if provider == "cuda":
        return run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]).splitlines()[0]
    names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return f"{len(os.sched_getaffinity(0))} threads of {names[0] if names else platform.processor()}"


def table(kept):
    lines = []
    for provider, part in kept.items():
        lines += [
            f"{'Processor' if provider == 'cpu' else 'GPU'}: {part['machine']}, {part['date']}. ≤ stands before times that were taken while the machine was busy.", "",
            "| system | backbone | input | parameters, M | GMAC | file, MB | load, s | network, ms | request, ms | memory, MB |", "|---|---|---|--:|--:|--:|--:|--:|--:|--:|"]
        for row in ROWS:
            found = part["rows"].get(f"{row[0]}/{row[1]}")
            lines.append(f"| `{row[0]}` | {row[1]} | " + (measured(found) if found else counted(row)))
        lines.append("")
    return "\n".join(lines)


def measured(row):
    bound = "≤ " if row["busy"] else ""
    return (f"{row['input'].replace('x', ' × ')} | {row['parameters'] / 1e6:.2f} | {row['gmac']:.1f} | {row['bytes'] / 1e6:.0f} | "
            f"{bound}{row['load_ms'] / 1000:.1f} | {bound}{row['network_ms']:.0f} | {bound}{row['request_ms']:.0f} | {row['peak_bytes'] / 1e6:.0f} |")


def counted(row):
    """What can be told of a row that was not measured yet."""
    system, backbone, classes, size, options = row
    network = systems.create(system, backbone, manifest.classes(classes)[1], **options)
    cost = manifest.cost(network, size)
    return f"{cost['at'][1]} × {cost['at'][0]} | {cost['parameters'] / 1e6:.2f} | {cost['gmac']:.1f} | {cost['parameters'] * 4 / 1e6:.0f} | | | | |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", help="SYSTEM/BACKBONE, all unless told otherwise")
    parser.add_argument("--runs", type=int, default=5, help="measured runs of systems of less than 100 GMAC; of others 2")
    parser.add_argument("--missing", action="store_true", help="only what was not measured yet, or on a busy machine"), parser.add_argument("--render", action="store_true", help="only write the table anew")
    given = parser.parse_args()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    wanted = [] if given.render else [row for row in ROWS if not given.rows or f"{row[0]}/{row[1]}" in given.rows]
    if wanted:
        run(["dotnet", "build", "-c", "Release", "-nodeReuse:false", ROOT / "src" / "InferenceServer.Cli"])
    program = ["dotnet", ROOT / "src" / "InferenceServer.Cli" / "bin" / "Release" / "net10.0" / "inference-server.dll"]
    for provider in ("cpu", "cuda") if shutil.which("nvidia-smi") else ("cpu",):
        part = kept.setdefault(provider, {"rows": {}})
        for row in wanted:
            name = f"{row[0]}/{row[1]}"
            if given.missing and not part["rows"].get(name, {"busy": True})["busy"]:
                continue
            part["rows"][name] = measure(row, program, provider, given.runs)
            part.update(machine=machine(provider), date=time.strftime("%Y-%m-%d"))
            print(provider, name, part["rows"][name], flush=True)
            KEPT.write_text(json.dumps(kept, indent=1) + "\n")
    text = README.read_text()
    before, after = text[:text.index(BEGIN) + len(BEGIN)], text[text.index(END):]
    README.write_text(f"{before}\n{table(kept)}{after}")


if __name__ == "__main__":
    main()
