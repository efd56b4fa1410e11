#!/usr/bin/env bash
# What needs a GPU to be checked: the same masks as on the CPU, refusal and fallback where CUDA cannot be used, and throughput against the bare
# CUDA session. Prints one table in Markdown for docs/benchmarks.md. Where there is no GPU it says so and succeeds.
#
#   tests/gpu/check.sh [FOLDER OF IMAGES]        default: tests/assets/street.jpg alone
#   MODELS="camvid-deeplabv3plus …"              default: every model in models/
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v nvidia-smi > /dev/null || ! gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2> /dev/null | head -1) || [ -z "$gpu" ]; then
  echo "No GPU at hand: nothing was checked."
  exit 0
fi

images=${1:-tests/assets/street.jpg}
models=${MODELS:-$(cd models && for manifest in */model.json; do dirname "$manifest"; done)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
fail() { echo "FAILED: $*" >&2; failed=1; }

dotnet publish src/InferenceServer.Cli -c Release -p:Gpu=true -o "$work/cli" > "$work/publish.log" || { cat "$work/publish.log"; exit 1; }
cli() { "$work/cli/inference-server" "$@"; }

# A GPU that is hidden: required, it must be refused; else the CPU must answer.
first=${models%%[[:space:]]*}
if CUDA_VISIBLE_DEVICES=-1 cli segment "$images" --model "$first" --provider cuda --out "$work/refused" > "$work/refused.log" 2>&1; then
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
field() { python3 -c 'import json, sys; v = json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v = v[k]
print(f"{v:.2f}")' "$1" "$2"; }

echo "$gpu, driver $(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -1), $(nproc) cores"
echo
echo "| model | pixels that differ from the CPU, % | bare CUDA session, ms | full request, ms | throughput ÷ bare session |"
echo "|---|--:|--:|--:|--:|"
for model in $models; do
  for provider in cpu cuda; do
    cli segment "$images" --model "$model" --provider "$provider" --variant float32 --format raw --out "$work/$model-$provider" > "$work/$model-$provider.log" 2>&1 || { fail "$model on $provider: $(cat "$work/$model-$provider.log")"; continue 2; }
  done
  share=$(differing "$work/$model-cpu" "$work/$model-cuda")
  python3 -c "import sys; sys.exit(float('$share') > 0.1)" || fail "$model: $share % of the pixels differ, more than 0.1"
  cli bench --model "$model" --provider cuda --runs 200 --json "$work/$model.json" > "$work/$model-bench.log" 2>&1 || { fail "$model: $(cat "$work/$model-bench.log")"; continue; }
  raw=$(field "$work/$model.json" raw.p50_ms)
  full=$(field "$work/$model.json" full.p50_ms)
  echo "| $model | $share | $raw | $full | $(python3 -c "print(f'{$raw / $full:.2f}')") |"
done
exit "$failed"
