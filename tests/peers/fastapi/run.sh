#!/usr/bin/env bash
# Runs the peer in the folder that setup.sh made: run.sh PORT MODEL_FOLDER. FOLDER, WORKERS, ORT_THREADS and CONCURRENCY may be set;
# the defaults were the fastest of those measured on two cores.
set -euo pipefail
port=$1 model=$(realpath "$2") here=$(dirname "$(realpath "$0")")
root=${FOLDER:-/tmp/peer-fastapi}
cp "$here/app.py" "$root/srv/peer/app.py"
rm -rf "$root/srv/models/${model##*/}" && cp -r "$model" "$root/srv/models/"
exec chroot "$root" env MODEL="/srv/models/${model##*/}" ORT_THREADS="${ORT_THREADS:-1}" CONCURRENCY="${CONCURRENCY:-2}" OMP_NUM_THREADS=1 \
  python3 -m uvicorn app:app --app-dir /srv/peer --host 127.0.0.1 --port "$port" --workers "${WORKERS:-1}" --no-access-log --log-level warning
