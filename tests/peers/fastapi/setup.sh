#!/usr/bin/env bash
# Makes a folder with Debian 13 and everything the peer needs, once: setup.sh [FOLDER]. Needs root, debootstrap and a Debian mirror.
# Run the peer with run.sh; remove the folder with `umount FOLDER/{proc,sys,dev}; rm -r FOLDER`.
set -euo pipefail
root=${1:-/tmp/peer-fastapi}

if [ ! -e "$root/etc/debian_version" ]; then
  debootstrap --variant=minbase trixie "$root" ${DEBIAN_MIRROR:+"$DEBIAN_MIRROR"} # its own mirror, unless DEBIAN_MIRROR names another
fi

for folder in proc sys dev; do
  mountpoint -q "$root/$folder" || mount --bind "/$folder" "$root/$folder"
done
cp /etc/resolv.conf "$root/etc/resolv.conf"

chroot "$root" env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 sh -c '
  apt-get update -q
  apt-get install -q -y --no-install-recommends \
    python3-onnxruntime python3-onnx python3-fastapi python3-uvicorn python3-uvloop python3-httptools python3-multipart python3-pil python3-numpy python3-opencv
  apt-get clean'

mkdir -p "$root/srv/peer" "$root/srv/models"
chroot "$root" python3 -c '
import fastapi, numpy, onnxruntime, PIL, uvicorn
print(f"onnxruntime {onnxruntime.__version__}, fastapi {fastapi.__version__}, uvicorn {uvicorn.__version__}, Pillow {PIL.__version__}, NumPy {numpy.__version__}")'
