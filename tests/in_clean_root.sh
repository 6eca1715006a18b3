#!/usr/bin/env bash
# Runs a command beside a clean Debian root, whose folder is $P1MONITOR_CLEANROOT: in_clean_root.sh COMMAND WORDS …
# Called by `make cleanroot` and `make getstarted`.
#
# Wants root, debootstrap (bare_debian.sh), a wheel in dist/ and a Python here of the same version as the root's. The root
# is a temporary folder, and goes; BASE=FOLDER keeps the bare Debian there for the next time.
set -euo pipefail

# Either takes a minute or two
LONGEST_S=900

project=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$project/.venv/bin/python}
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
base=${BASE:-$scratch/base}
root=$scratch/root
clone=$root/home/pi/p1monitor

wrong() { echo "WRONG: $*" >&2; exit 1; }

echo "== a clean Debian"
"$project/tests/bare_debian.sh" "$base"
cp -a "$base" "$root"

echo "== after $SECONDS s: the source as a clone has it, a wheel that was made elsewhere in its dist folder, and what that needs"
wheel=$(find "$project/dist" -name 'p1monitor_daemon-*.whl' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2-)
[ -n "$wheel" ] || wrong "there is no wheel in dist: make wheel"
ours=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
# Python is not installed there yet, but lies ready
theirs=$(find "$root/var/cache/apt/archives" -name 'python3.*-venv_*' -printf '%f\n' | cut -d - -f 1)
[ "$ours" = "$theirs" ] || wrong "the root will have $theirs, here is $ours: another PYTHON= or SUITE="
# Whoever set up the Pi may use sudo, as on Raspberry Pi OS
chroot "$root" useradd --create-home --shell /bin/bash --groups sudo,dialout pi
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/010_pi-nopasswd"
echo raspberrypi >"$root/etc/hostname"
# Home Assistant's broker has a name in this house
echo '127.0.0.1 localhost raspberrypi homeassistant.local' >"$root/etc/hosts"
mkdir -p "$clone/dist" "$root/wheels"
(cd "$project" && git ls-files -z --cached --others --exclude-standard | xargs -0 -r ls -d 2>/dev/null | tar --files-from=- -c) | tar -x -C "$clone"
cp "$wheel" "$clone/dist"
chroot "$root" chown -R pi: /home/pi/p1monitor
timeout 300 "$python" -m pip wheel --quiet --disable-pip-version-check --wheel-dir "$root/wheels" "$wheel" \
  || wrong "the network is missing: what the wheel needs could not be fetched"
printf '[global]\nno-index = true\nfind-links = /wheels\n' >"$root/etc/pip.conf"

echo "== after $SECONDS s: without network; no port, process or mount of this machine is touched"
export P1MONITOR_CLEANROOT=$root
# Everything that is started there ends with the first process.
# shellcheck disable=SC2016  # the inner shell's
timeout --kill-after=10 $LONGEST_S unshare --net --uts --pid --fork --kill-child --mount-proc --mount --propagation private sh -euc '
  ip link set lo up
  hostname raspberrypi
  mount -t proc proc "$P1MONITOR_CLEANROOT/proc"
  mount --bind /dev/pts "$P1MONITOR_CLEANROOT/dev/pts"
  cd "$0"
  exec "$@"
' "$project" "$@"
echo "== after $SECONDS s: all of it is as it should be"
