#!/usr/bin/env bash
# Everything that docs/benchmarks.md claims, measured on this machine in a quarter of an hour and written into that page. Best on an idle machine.
set -euo pipefail
cd "$(dirname "$0")/.."
dotnet build -c Release tests/InferenceServer.LoadTests
dotnet build -c Release tests/InferenceServer.Benchmarks
dotnet run -c Release --no-build --project tests/InferenceServer.LoadTests -- compare --docs "$@"
dotnet run -c Release --no-build --project tests/InferenceServer.Benchmarks -- --kernels --docs
