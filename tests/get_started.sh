#!/usr/bin/env bash
# Follows docs/get-started.md in a clean Debian root, block by block. Called by `make getstarted`.
#
# Wants root, debootstrap (bare_debian.sh), a wheel in dist/ and a Python here of the same version as the root's. With
# P1MONITOR_HASS=…/hass it ends in a real Home Assistant, else at the broker. The root is a temporary folder, and goes;
# BASE=FOLDER keeps the bare Debian there for the next time.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
python=$(realpath -s "${PYTHON:-$project/.venv/bin/python}")
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
base=${BASE:-$scratch/base}
root=$scratch/root
SECONDS=0

"$project/tests/bare_debian.sh" "$base"
cp -a "$base" "$root"
echo "== a clean Debian, after $SECONDS s"

# Whoever set up the Pi: a user who may use sudo, and a home network in which the broker has a name
chroot "$root" useradd --create-home --shell /bin/bash --groups sudo,dialout pi
echo 'pi ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/010_pi-nopasswd"
printf '127.0.0.1 localhost raspberrypi homeassistant.local\n' >"$root/etc/hosts"
echo raspberrypi >"$root/etc/hostname"

# The clone, with a wheel that was made elsewhere in its dist folder, as the page offers; what it needs is in a folder
"$project/tests/stock_root.sh" "$root" "$root/home/pi/p1monitor"
chroot "$root" chown -R pi: /home/pi/p1monitor
printf '[global]\nno-index = true\nfind-links = /wheels\n' >"$root/etc/pip.conf"
echo "== a clone and its wheels, after $SECONDS s"

# From here on no network, no process and no mount of this machine is touched; all of it ends with the first process
export P1MONITOR_CLEANROOT=$root
# shellcheck disable=SC2016  # the inner shell's
timeout --kill-after=10 900 unshare --net --pid --fork --kill-child --mount-proc --mount --propagation private --uts sh -euc '
  ip link set lo up
  hostname raspberrypi
  mount -t proc proc "$P1MONITOR_CLEANROOT/proc"
  mount --bind /dev/pts "$P1MONITOR_CLEANROOT/dev/pts"
  cd "$1"
  exec "$2" -m pytest -q -s -p no:cacheprovider -m cleanroot tests/test_get_started_real.py
' sh "$project" "$python"
echo "== the page was followed, after $SECONDS s"
