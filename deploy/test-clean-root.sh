#!/usr/bin/env bash
# Runs the first commands of the README, as they are written, where there is nothing but the .NET SDK and curl: in a new Debian with
# empty NuGet caches and without Node.js, on a clone of this commit. Then looks at the mask. Needs root on Debian, debootstrap, git, the
# .NET SDK, Python 3 and a free port 8080.
#   NUGET_CONFIG    configuration of the package feed, where it is not the usual one
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
root=$work/debian
server=
finish() {
  # Process 1 of its own namespace: what it started ends with it, and its mounts go with the last process.
  [ -z "$server" ] || { kill -KILL "$server" && wait "$server"; } 2>/dev/null || true
  umount "$root/proc" 2>/dev/null || true # debootstrap's, if it was interrupted
  rm -rf --one-file-system "$work"
}
trap finish EXIT
fail() { echo "FAILED: $*" >&2; [ -f "$work/log" ] && tail -20 "$work/log" >&2; exit 1; }
mapfile -t commands < <(awk '/^```/ { inside = /^```sh/ && !inside; next } inside && /^(dotnet|curl) /' README.md | head -2)
case "${commands[*]}" in "dotnet run "*" curl "*" -o mask.png") ;; *) fail "expected the README to begin with 'dotnet run' and a 'curl' that writes mask.png, found: ${commands[*]}" ;; esac
! (exec 3<>/dev/tcp/127.0.0.1/8080) 2>/dev/null || fail "port 8080 is in use"

echo "== a Debian with the .NET SDK"
debootstrap --variant=minbase --include=ca-certificates,curl "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >"$work/log" || fail debootstrap
mkdir -p "$root/usr/share/dotnet" "$root/root/.nuget/NuGet"
cp -a "$(dirname "$(readlink -f "$(command -v dotnet)")")/." "$root/usr/share/dotnet/"
ln -s /usr/share/dotnet/dotnet "$root/usr/bin/dotnet"
cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
# A feed behind an authority that this machine trusts is trusted there, too.
cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
[ -z "${NUGET_CONFIG:-}" ] || cp "$NUGET_CONFIG" "$root/root/.nuget/NuGet/NuGet.Config"
[ -z "$(chroot "$root" sh -c 'command -v node npm')" ] || fail "there is Node.js in the new root"
git clone -q --no-hardlinks . "$root/root/InferenceServer"

# inside COMMAND: runs it in the clone. The SDK's own messages need ICU, unless told otherwise.
inside() {
  local keep=() name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY NUGET_CERT_REVOCATION_MODE; do [ -z "${!name:-}" ] || keep+=("$name=${!name}"); done
  unshare --mount --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 "${keep[@]}" bash -c "cd ~/InferenceServer && $1"
}

echo "== ${commands[0]}"
inside "${commands[0]}" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 900); do
  curl -fs localhost:8080/health/ready >/dev/null && break
  kill -0 "$server" 2>/dev/null || fail "the command ended"
  sleep 1
done
curl -fs localhost:8080/health/ready >/dev/null || fail "not ready within a quarter of an hour"

echo "== ${commands[1]}"
inside "${commands[1]}" || fail "no mask"
python3 - "$root/root/InferenceServer/mask.png" <<'PY' || fail "the mask is wrong"
import struct, sys
png = open(sys.argv[1], "rb").read()
assert png[:8] == b"\x89PNG\r\n\x1a\n", png[:100]
assert struct.unpack(">IIBB", png[16:26]) == (960, 720, 8, 3), png[16:26]
PY
[ ! -e "$root/root/.cache/Microsoft" ] || fail "ONNX Runtime's telemetry is on: $(find "$root/root/.cache/Microsoft" -type f)"
echo "PASSED: the server was built and answered with a mask"
