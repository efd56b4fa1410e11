"""The optimiser beside onnxruntime.quantization: both make a graph of each model from the same 64 images, and `inference-server optimize` checks both on the
same other images, with the same code. Prints the table of docs/optimize.md.

    sudo ../fastapi/setup.sh            once: Debian 13 in a folder under /tmp, with its ONNX Runtime
    sudo python3 compare.py --camvid DIR [--membrane DIR] [--landcover DIR] [MODEL ...]

DIR holds train/images, val/images and val/labels. Three systems of the zoo have random weights: their masks have no meaning, but their agreement has.
"""
import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
ZOO = {"pspnet": "resnet50", "hrnetv2": "w18", "unet": "bilinear"}


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **options)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def export(system, folder, python):
    run(python, "export.py", system, "--backbone", ZOO[system], "--classes", "11", "--at", "360x480", "--out", folder, cwd=ROOT / "models" / "zoo")


def quantize(chroot, model, images, out):
    """The seconds that onnxruntime.quantization took; its graph is in `out`."""
    work = Path(tempfile.mkdtemp(dir=chroot / "tmp"))
    try:
        shutil.copytree(model, work / "model"), shutil.copytree(images, work / "images"), shutil.copy(Path(__file__).with_name("quantize.py"), work)
        inside = Path("/") / work.relative_to(chroot)
        seconds = run("chroot", chroot, "python3", inside / "quantize.py", inside / "model", inside / "images", inside / "out.onnx").split()[-1]
        shutil.move(work / "out.onnx", out)
        return seconds
    finally:
        shutil.rmtree(work)


def thinned(data, every, folder):
    """The folder with every so many-th image of val, and its label; the images of train are all there."""
    for part in ("images", "labels"):
        (folder / "val" / part).mkdir(parents=True)
        for file in sorted((data / "val" / part).iterdir())[::every]:
            (folder / "val" / part / file.name).symlink_to(file.resolve())
    (folder / "train").symlink_to((data / "train").resolve())
    return folder


def check(cli, models, name, data, labelled, *more):
    """What the command says of a graph: agreement, mean IoU, milliseconds, speed, bytes, seconds."""
    labels = ["--labels", data / "val" / "labels"] if labelled else []
    text = run(cli, "optimize", "--models", models, "--model", name, "--images", data / "train" / "images", "--check", data / "val" / "images", *labels,
               "--min-agreement", "0", "--max-loss", "100", "--min-speedup", "0", "--dry-run", *more)

    def found(pattern):
        match = re.search(pattern, text)
        return match[1] if match else "–"

    size = int(found(r"File: ([\d,]+)").replace(",", ""))
    return {
        "agreement": found(r"Equal labels: ([\d.]+)"), "miou": found(r"Mean IoU: ([\d.]+)"), "miou float32": found(r"float32 ([\d.]+) %"),
        "ms": found(r"One input: ([\d.]+) ms"), "ms float32": found(r"time, float32 ([\d.]+) ms"), "speed": found(r"([\d.]+) times the speed"),
        "mb": f"{size / 1e6:.1f}", "seconds": found(r"checked in (\d+) s"),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("camvid", "membrane", "landcover"):
        parser.add_argument("--" + name, type=Path)
    parser.add_argument("--chroot", type=Path, default=Path("/tmp/peer-fastapi"))
    parser.add_argument("--cli", default=ROOT / "src/InferenceServer.Cli/bin/Release/net10.0/inference-server")
    parser.add_argument("--python", default="python3", help="one with PyTorch, for the zoo")
    parser.add_argument("--every", type=int, default=1, help="check on every so many-th image of val (default: all)")
    parser.add_argument("models", nargs="*", help="default: all that ship, and three of the zoo")
    given = parser.parse_args()
    shipped = sorted(m.parent.name for m in (ROOT / "models").glob("*/model.json"))
    print("| model | agreement %, ours / theirs | mean IoU %, float32 / ours / theirs | ms of processor time, float32 / ours / theirs | speed, ours / theirs | MB, ours / theirs | s, ours / theirs |")
    print("|---|--:|--:|--:|--:|--:|--:|", flush=True)
    for name in given.models or [*shipped, *ZOO]:
        field = "membrane" if name.startswith("membrane") else "landcover" if name.startswith("landcover") else "camvid"
        data = getattr(given, field)
        if data is None:
            print(f"{name} needs --{field}", file=sys.stderr)
            continue
        with tempfile.TemporaryDirectory() as folder:
            models = Path(folder) / "models"
            models.mkdir()
            data = thinned(data, given.every, Path(folder) / "data")
            if name in ZOO:
                export(name, models / name, given.python)
            else:
                shutil.copytree(ROOT / "models" / name, models / name)
            (models / name / "1" / "model.int8.onnx").unlink(missing_ok=True)
            theirs = Path(folder) / "theirs.onnx"
            seconds = quantize(given.chroot, models / name, data / "train" / "images", theirs)
            ours, peer = (check(given.cli, models, name, data, name not in ZOO, *more) for more in ([], ["--graph", theirs]))
            print(f"| {name} | {ours['agreement']} / {peer['agreement']} | {ours['miou float32']} / {ours['miou']} / {peer['miou']} "
                  f"| {ours['ms float32']} / {ours['ms']} / {peer['ms']} | {ours['speed']} / {peer['speed']} | {ours['mb']} / {peer['mb']} "
                  f"| {ours['seconds']} / {seconds} |", flush=True)


main()
