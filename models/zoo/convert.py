"""Makes a copy of a model in another precision, from its ONNX graph alone:

    python3 convert.py ../camvid-deeplabv3plus --precision int8 --calibrate CAMVID/train/images --out ../camvid-deeplabv3plus-int8

fp16 is for GPUs, int8 for CPUs. Measure what it costs with `inference-server evaluate` and what it gains with `inference-server bench`.
"""
import argparse
import hashlib
import json
import shutil
from pathlib import Path

from export import convert


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a model's folder"), parser.add_argument("--precision", choices=("fp16", "int8"), required=True)
    parser.add_argument("--calibrate", metavar="FOLDER", help="images like those to be served, for int8"), parser.add_argument("--out", required=True)
    given = parser.parse_args()
    source, target = Path(given.model), Path(given.out)
    version = max((v for v in source.iterdir() if v.name.isdigit()), key=lambda v: int(v.name))
    file = target / "1" / "model.onnx"
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(version / "model.onnx", file)
    text = json.loads((source / "model.json").read_text())
    convert(file, given.precision, text["preprocess"], given.calibrate)
    text["name"] = target.resolve().name
    text.setdefault("source", {})["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    text.pop("quality", None)  # of other weights than these
    (target / "model.json").write_text(json.dumps(text, indent=2) + "\n")
    print(f"{file}: {file.stat().st_size / 1e6:.2f} MB, from {(version / 'model.onnx').stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
