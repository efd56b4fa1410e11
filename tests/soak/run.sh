#!/usr/bin/env bash
# Images of 320² to 12 MP at a steady rate for three minutes, or for `--minutes 60`; fails if resident memory ends more than 10 % above
# what it was after the first five minutes (of a shorter run: the first third). Writes artifacts/soak/soak.csv and soak.svg; all options: run.sh --help.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec dotnet run -c Release --project tests/InferenceServer.LoadTests -- soak "$@"
