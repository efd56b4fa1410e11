#!/usr/bin/env bash
# Builds the Dockerfile as it is, starts the image as a hardened platform would (read-only, no root, no capabilities, process 1), asks for a
# mask and for its health, and drains it. Needs root on Debian, buildah, debootstrap, the .NET SDK and Python 3; no daemon.
#   STAND_IN=1      do not try the registries of the base images; the stand-ins have the real names and Debian's contents
#   NUGET_CONFIG    configuration of the package feed, mounted into the build and left in no layer
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
storage=${IMAGE_STORAGE:-$work/storage}
# overlay keeps a layer once; vfs, where the kernel has none, copies all below it into each.
mkdir -p "$work"/probe/{lower,upper,work,merged}
driver=vfs
if mount -t overlay overlay -o "lowerdir=$work/probe/lower,upperdir=$work/probe/upper,workdir=$work/probe/work" "$work/probe/merged" 2>/dev/null; then
  umount "$work/probe/merged"
  driver=overlay
fi
buildah() { command buildah --root "$storage/root" --runroot "$storage/run" --storage-driver "$driver" "$@"; }
sdk=mcr.microsoft.com/dotnet/sdk:10.0
chiseled=mcr.microsoft.com/dotnet/aspnet:10.0-noble-chiseled
aspnet=mcr.microsoft.com/dotnet/aspnet:10.0-noble
cuda=docker.io/nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04
server=
finish() {
  # The server is process 1 of its own namespace: all of the container ends with it, and its mounts with the last process.
  [ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true
  { buildah umount --all; buildah rm --all; } >/dev/null 2>&1 || true
  umount "$storage/root/overlay" 2>/dev/null || true # the storage makes a mount point of it
  umount "$work/debian/proc" 2>/dev/null || true # debootstrap's, if it was interrupted
  rm -rf --one-file-system "$work"
}
trap finish EXIT
fail() { echo "FAILED: $*" >&2; [ -f "$work/log" ] && tail -20 "$work/log" >&2; exit 1; }

# stand_in NAME FOLDER [buildah config options]: an image of a folder, under a real image's name.
stand_in() {
  local name=$1 folder=$2 base; shift 2
  base=$(buildah from scratch)
  buildah copy -q "$base" "$folder" / >/dev/null
  buildah config "$@" "$base"
  buildah commit -q "$base" "$name" >/dev/null
  buildah rm "$base" >/dev/null
}

make_stand_ins() {
  local dotnet root=$work/debian slim=$work/chiseled
  dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
  echo "== stand-ins for the base images, from Debian and the installed .NET"
  debootstrap --variant=minbase --include=ca-certificates,util-linux "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >"$work/debootstrap.log" || fail "debootstrap: $(tail -3 "$work/debootstrap.log")"
  mkdir -p "$root/usr/share/dotnet" "$root/usr/bin"
  cp -a "$dotnet/." "$root/usr/share/dotnet/"
  ln -sf /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
  # A feed behind an authority that this machine trusts is trusted in the build, too.
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
  stand_in "$sdk" "$root" --env PATH=/usr/sbin:/usr/bin:/sbin:/bin --env SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    --env DOTNET_CLI_TELEMETRY_OPTOUT=1 --env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 \
    --env NUGET_CERT_REVOCATION_MODE="${NUGET_CERT_REVOCATION_MODE:-online}"

  # What the chiselled image has: C and C++ libraries, OpenSSL, .NET, and a user; no shell and no package manager.
  mkdir -p "$work/debs" "$slim/usr/share/dotnet" "$slim/usr/bin" "$slim/etc" "$slim/tmp" "$slim/proc" "$slim/dev"
  (cd "$work/debs" && apt-get download -q libc6 libgcc-s1 libstdc++6 libssl3 zlib1g ca-certificates tzdata >/dev/null 2>&1) || fail "apt-get download"
  for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$slim"; done
  cp -a "$dotnet/dotnet" "$dotnet/host" "$dotnet/shared" "$slim/usr/share/dotnet/"
  ln -sf /usr/share/dotnet/dotnet "$slim/usr/bin/dotnet"
  printf 'root:x:0:0:root:/root:/sbin/nologin\napp:x:1654:1654::/home/app:/sbin/nologin\n' >"$slim/etc/passwd"
  stand_in "$chiseled" "$slim" --env PATH=/usr/sbin:/usr/bin:/sbin:/bin --env APP_UID=1654
  # The GPU's image takes .NET from one base and everything else from the other. CUDA itself is in no Debian package: that image is built, and not run.
  buildah tag "$chiseled" "$aspnet"
  buildah tag "$chiseled" "$cuda"
}

if [ -n "${STAND_IN:-}" ] || ! { buildah pull -q "$chiseled" && buildah pull -q "$sdk" && buildah pull -q "$aspnet" && buildah pull -q "$cuda"; } >/dev/null 2>&1; then
  buildah inspect --type image "$sdk" >/dev/null 2>&1 && buildah inspect --type image "$chiseled" >/dev/null 2>&1 || make_stand_ins
fi
base=$(buildah from --pull-never "$chiseled")
base_bytes=$(du -sb "$(buildah mount "$base")" | cut -f1)
buildah umount "$base" >/dev/null
buildah rm "$base" >/dev/null

echo "== build"
secrets=()
[ -z "${NUGET_CONFIG:-}" ] || secrets+=(--secret "id=nugetconfig,src=$NUGET_CONFIG")
# build TARGET NAME [more options]
build() {
  local target=$1 name=$2; shift 2
  buildah build --isolation chroot --format docker --pull-never --layers=false --network host "${secrets[@]}" "$@" --target "$target" -t "$name" . >"$work/log" 2>&1 || fail "target $target does not build"
}
# natives FOLDER: the native libraries in it, and what each is made for.
natives() { (cd "$1" && find . -name '*.so*' -o -name '*.dylib' -o -name '*.dll' -path '*runtimes*' | sort | while read -r file; do echo "${file#./}:$(od -An -tu2 -j18 -N2 "$file" | tr -d ' ')"; done | tr '\n' ' '); }
x64=62 arm64=183 # e_machine of an ELF file
# natives_of MACHINE [PROVIDER…]: what an image should have, as `natives` lists it.
natives_of() {
  local machine=$1; shift
  [ $# -gt 0 ] || set -- shared
  printf '%s:'"$machine"' ' libonnxruntime.so $(printf 'libonnxruntime_providers_%s.so ' "$@") libvips.so.42
}
build cpu inference-server

echo "== the image"
container=$(buildah from --pull-never localhost/inference-server)
root=$(buildah mount "$container")
config() { buildah inspect --type image localhost/inference-server | python3 -c "import json,sys; c=json.load(sys.stdin)['Docker']['config']; $1"; }
[ "$(config 'print(c["User"])')" = 1654 ] || fail "the image's user is not 1654"
mapfile -t entry < <(config 'print(*c["Entrypoint"], sep="\n")')
mapfile -t probe < <(config 'print(*c["Healthcheck"]["Test"][1:], sep="\n")')
mapfile -t environment < <(config 'print(*c["Env"], sep="\n")')
size=$(($(du -sb "$root" | cut -f1) - base_bytes))
echo "on top of the base: $((size / 1000000)) MB"
(cd "$root" && du -sb app/* models/* | sort -rn | awk '$1 > 100000 { printf "  %6.1f MB  %s\n", $1 / 1e6, $2 }')
[ "$size" -le 250000000 ] || fail "more than 250 MB on top of the base"
[ ! -e "$root/bin/sh" ] && [ ! -e "$root/usr/bin/sh" ] || fail "there is a shell in the image"
[ "$(natives "$root/app")" = "$(natives_of $x64)" ] || fail "other natives than expected: $(natives "$root/app")"

echo "== start: read-only, user 1654, no capabilities, process 1"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p "$root/proc" "$root/dev"
cat >"$work/chroot.py" <<'PY'
# chroot needs a capability that the program must not have: enter first, drop afterwards, then become the program.
import ctypes, os, sys, warnings # the last for os.execvpe, which would look for it in the new root
root, program = sys.argv[1], sys.argv[2:]
os.chroot(root); os.chdir(os.environ.pop("WORKDIR", "/"))
libc = ctypes.CDLL(None, use_errno=True)
for capability in range(64):
    libc.prctl(24, capability, 0, 0, 0)          # PR_CAPBSET_DROP
libc.prctl(38, 1, 0, 0, 0)                       # PR_SET_NO_NEW_PRIVS
os.setgroups([]); os.setgid(1654); os.setuid(1654)
os.execvpe(program[0], program, os.environ)
PY
python=$(readlink -f /usr/bin/python3)
cat >"$work/enter" <<'ENTER'
# enter ROOT COMMAND…: runs a command that will enter the root, with what a container has mounted there.
set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for d in null zero random urandom; do touch "$root/dev/$d"; mount --bind "/dev/$d" "$root/dev/$d"; done
mount -o remount,ro,bind "$root"
exec env -i "$@"
ENTER
in_image=("${environment[@]}" "ASPNETCORE_HTTP_PORTS=$port" WORKDIR=/app "$python" "$work/chroot.py" "$root")
unshare --mount --pid --fork --kill-child bash "$work/enter" "$root" "${in_image[@]}" "${entry[@]}" >"$work/log" 2>&1 &
outer=$!
for _ in $(seq 300); do
  server=$(pgrep -P "$outer" || true)
  curl -fs "localhost:$port/health/ready" >/dev/null && break
  kill -0 "$outer" 2>/dev/null || fail "the server ended"
  python3 -c 'import time; time.sleep(0.2)'
done
curl -fs "localhost:$port/health/ready" >/dev/null || fail "not ready within a minute"
status() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$server/status"; }
[ "$(status Uid)" = 1654 ] && [ "$(status CapEff)" = 0000000000000000 ] && [ "$(status NoNewPrivs)" = 1 ] || fail "the process has more rights than it should"
[ "$(awk '$1 == "NSpid:" { print $NF }' "/proc/$server/status")" = 1 ] || fail "the program is not process 1"
nsenter -m -t "$server" grep -E " $root [^ ]* ro[, ]|^[^ ]+ [^ ]+ [^ ]+ [^ ]+ $root ro" /proc/self/mountinfo >/dev/null || fail "the root is not read-only"

echo "== health check of the image: ${probe[*]}"
nsenter -m -p -t "$server" env -i "${in_image[@]}" "${probe[@]}" || fail "the health check fails"

echo "== a mask"
curl -fsS --data-binary @tests/assets/street.jpg -H 'Content-Type: image/jpeg' -D "$work/headers" -o "$work/mask.png" "localhost:$port/v1/segment" || fail "no mask"
curl -fsS --data-binary @tests/assets/street.jpg -o "$work/mask.json" "localhost:$port/v1/segment?format=json" || fail "no summary"
python3 - "$work" <<'PY' || fail "the mask is wrong"
import json, struct, sys
folder = sys.argv[1]
png = open(folder + "/mask.png", "rb").read()
assert png[:8] == b"\x89PNG\r\n\x1a\n"
width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
assert (width, height, depth, kind) == (960, 720, 8, 3), (width, height, depth, kind)
classes = json.load(open(folder + "/mask.json"))["classes"]
shares = {c["name"].lower(): c["share"] for c in classes}
print("  ", ", ".join(f"{n} {s:.0%}" for n, s in sorted(shares.items(), key=lambda p: -p[1])[:4]))
assert abs(sum(shares.values()) - 1) < 1e-3 and shares["road"] > 0.1 and shares["sky"] > 0.05, shares
PY

echo "== drain: SIGTERM in the middle of an upload"
python3 - "$port" "$server" <<'PY' || fail "the request under way was lost"
import os, signal, socket, sys, time
port, server = int(sys.argv[1]), int(sys.argv[2])
image = open("tests/assets/street.jpg", "rb").read()
s = socket.create_connection(("127.0.0.1", port), timeout=60)
s.sendall(b"POST /v1/segment HTTP/1.1\r\nHost: x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(image) + image[:1000])
time.sleep(0.5)
os.kill(server, signal.SIGTERM)
time.sleep(1)
probe = socket.create_connection(("127.0.0.1", port), timeout=10)
probe.sendall(b"GET /health/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
ready = probe.recv(64).split(b"\r\n")[0]
s.sendall(image[1000:])
answer = s.recv(64).split(b"\r\n")[0]
print("  ", "readiness while draining:", ready.decode(), "| the request under way:", answer.decode())
sys.exit(0 if b" 503 " in ready and b" 200 " in answer else 1)
PY
code=0; wait "$outer" || code=$?
server=
[ "$code" = 0 ] || fail "exit code $code after SIGTERM"

# look NAME NATIVES: what an image has in /app. Leaves the image mounted at $root.
look() {
  root=$(buildah mount "$(buildah from --pull-never "localhost/$1")")
  echo "   $(du -sb "$root/app" | awk '{ printf "%.0f MB", $1 / 1e6 }') in /app: $(natives "$root/app")"
  [ "$(natives "$root/app")" = "$2" ] || fail "other natives than expected: $2"
  [ -f "$root/app/InferenceServer.dll" ] && [ -f "$root/app/appsettings.json" ] && [ -f "$root/app/InferenceServer.runtimeconfig.json" ] || fail "files of the program are missing"
}
echo "== linux-arm64: built, not run"
# Not --platform, which asks for base images of that platform, too; the stages that build run on this one, and look at this argument.
build cpu inference-server-arm64 --build-arg TARGETARCH=arm64
look inference-server-arm64 "$(natives_of $arm64)"

echo "== gpu: without a GPU, it says so and ends"
build gpu inference-server-gpu
look inference-server-gpu "$(natives_of $x64 cuda shared tensorrt)"
mkdir -p "$root/proc" "$root/dev"
mapfile -t environment < <(buildah inspect --type image localhost/inference-server-gpu | python3 -c "import json,sys; print(*json.load(sys.stdin)['Docker']['config']['Env'], sep='\n')")
code=0
unshare --mount --pid --fork --kill-child bash "$work/enter" "$root" "${environment[@]}" CUDA_VISIBLE_DEVICES=-1 WORKDIR=/app "$python" "$work/chroot.py" "$root" "${entry[@]}" >"$work/log" 2>&1 || code=$?
[ "$code" = 1 ] && grep -q 'Onnx:RequireGpu is set, but CUDA cannot be used' "$work/log" || fail "expected exit code 1 and the reason, got $code"
echo "PASSED: built, served, healthy, drained with exit code 0; arm64 and gpu built, gpu refused to start without a GPU"
