#!/usr/bin/env bash
# What needs a GPU to be checked: the same masks as on the CPU, in float32 and float16; refusal and fallback where CUDA cannot be used; and
# throughput against the bare CUDA session, beside what the processor's cores can decode. Prints one table in Markdown for docs/benchmarks.md. Where
# there is no GPU it says so and succeeds.
#
#   tests/gpu/check.sh [FOLDER OF STREETS]       four images or more; default: copies of tests/assets/street.jpg
#   MODELS="camvid-deeplabv3plus …"              default: every model in models/
#   PROVIDER=cpu                                 runs the same steps without a GPU, to check the script
set -euo pipefail
cd "$(dirname "$0")/../.."

provider=${PROVIDER:-cuda}
gpu="no GPU"
if [ "$provider" = cuda ] && { ! command -v nvidia-smi > /dev/null || ! gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2> /dev/null | head -1) || [ -z "$gpu" ]; }; then
  echo "No GPU at hand: nothing was checked."
  exit 0
fi

models=${MODELS:-$(cd models && for manifest in */model.json; do dirname "$manifest"; done)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
copies() { mkdir -p "$work/$2" && for i in 1 2 3 4; do cp "tests/assets/$1" "$work/$2/$i.${1##*.}"; done && echo "$work/$2"; }
streets=${1:-$(copies street.jpg streets)} cells=$(copies cells.png cells) land=$(copies orthophoto.tif land)
images_of() { case $1 in membrane-*) echo "$cells" ;; landcover-*) echo "$land" ;; *) echo "$streets" ;; esac; }
fail() { echo "FAILED: $*" >&2; failed=1; }

dotnet publish src/InferenceServer.Cli -c Release $([ "$provider" = cuda ] && echo -p:Gpu=true) -o "$work/cli" > "$work/publish.log" || { cat "$work/publish.log"; exit 1; }
cli() { "$work/cli/inference-server" "$@"; }

# A GPU that is hidden: required, it must be refused; else the CPU must answer.
first=${models%%[[:space:]]*} images=$(images_of "${models%%[[:space:]]*}")
if [ "$provider" = cuda ] && CUDA_VISIBLE_DEVICES=-1 cli segment "$images" --model "$first" --provider cuda --out "$work/refused" > "$work/refused.log" 2>&1; then
  fail "a required GPU that is hidden was not refused"
fi
CUDA_VISIBLE_DEVICES=-1 cli segment "$images" --model "$first" --provider auto --out "$work/fallback" > "$work/fallback.log" 2>&1 || fail "no fallback to the CPU: $(cat "$work/fallback.log")"

# Pixels that differ, of all pixels. Argmax parts near ties, and the GPU adds in another order.
differing() {
  python3 - "$1" "$2" << 'PY'
import pathlib, sys
total = differ = 0
for cpu in sorted(pathlib.Path(sys.argv[1]).glob("*.raw")):
    a, b = cpu.read_bytes(), (pathlib.Path(sys.argv[2]) / cpu.name).read_bytes()
    assert len(a) == len(b), cpu.name
    total += len(a)
    differ += sum(x != y for x, y in zip(a, b))
assert total, "no masks"
print(f"{100 * differ / total:.4f}")
PY
}
[ "$provider" != cuda ] || gpu="$gpu, driver $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1)"
echo "$gpu, $(nproc) cores"
echo
echo "| model | numbers | pixels that differ from float32 on the CPU, % | bare session, ms | full request, ms | throughput ÷ bare session | images/s that $(nproc) cores decode | the GPU normalises; finds labels |"
echo "|---|---|--:|--:|--:|--:|--:|---|"
cp -r models "$work/models"
for model in $models; do
  images=$(images_of "$model")
  cli segment "$images" --model "$model" --provider cpu --variant float32 --format raw --out "$work/$model-cpu" > "$work/log" 2>&1 || { fail "$model on the CPU: $(cat "$work/log")"; continue; }
  cli optimize --models "$work/models" --model "$model" --images "$images" --float16 --min-speedup 0 > "$work/log" 2>&1 || fail "$model to float16: $(cat "$work/log")"
  for variant in float32 float16; do
    at=(--models "$work/models" --model "$model" --provider "$provider" --variant "$variant")
    cli segment "$images" "${at[@]}" --format raw --out "$work/$model-$variant" > "$work/log" 2>&1 || { fail "$model in $variant: $(cat "$work/log")"; continue; }
    share=$(differing "$work/$model-cpu" "$work/$model-$variant")
    most=$([ "$variant" = float32 ] && echo 0.1 || echo 0.5)
    python3 -c "import sys; sys.exit(float('$share') > $most)" || fail "$model in $variant: $share % of the pixels differ, more than $most"
    cli bench "${at[@]}" --runs "${RUNS:-200}" --json "$work/bench.json" > "$work/log" 2>&1 || { fail "$model in $variant: $(cat "$work/log")"; continue; }
    python3 - "$work/bench.json" "$model" "$variant" "$share" "$(nproc)" << 'PY'
import json, sys
file, model, variant, share, cores = sys.argv[1:]
bench = json.load(open(file))
raw, full = bench["raw"]["p50_ms"], bench["full"]["p50_ms"]
decode = next(s["median_ms"] for s in bench["stages"] if s["stage"] == "decode")
print(f"| {model} | {variant} | {share} | {raw:.2f} | {full:.2f} | {raw / full:.2f} | {1000 * int(cores) / decode:.0f} | {bench['device_normalizes']}; {bench['device_finds_labels']} |")
PY
  done
done
exit "$failed"
