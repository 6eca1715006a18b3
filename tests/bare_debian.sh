#!/usr/bin/env bash
# A bare Debian in a folder, and beside it, not installed, the packages that the get-started page names: bare_debian.sh FOLDER
#
# Wants root, debootstrap and Debian's network, half a minute of both; a folder that is whole already is left as it is.
# SUITE= and MIRROR= are debootstrap's; the mirror is this machine's own unless named. What is made of it needs no network any more.
set -euo pipefail

base=$1
suite=${SUITE:-bookworm}
mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' "Codename: $suite" 'Created-By: Packages' | sort -u | head -n 1)}
mirror=${mirror%/}
# What Raspberry Pi OS has before anybody installs anything, as far as it matters here
there=systemd,udev,sudo
# README.md, docs/get-started.md and install.sh
named=(git make python3-venv mosquitto)

wrong() { echo "WRONG: $*" >&2; exit 1; }
inside() { timeout 600 chroot "$base.new" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@" >>"$base.log" 2>&1; }

[ ! -e "$base/whole" ] || exit 0
[ "$(id -u)" -eq 0 ] || wrong "a Debian root is made by root only"
command -v debootstrap >/dev/null || wrong "there is no debootstrap (Debian: debootstrap)"
[ -n "$mirror" ] || wrong "this machine has no packages of $suite: name a mirror with MIRROR="
timeout 60 wget -q -T 10 -t 2 -O /dev/null "$mirror/dists/$suite/Release" \
  || wrong "the network is missing: $mirror does not answer; MIRROR= names another, BASE= a bare Debian that was made before"
rm -rf --one-file-system "$base.new"
timeout 900 debootstrap --variant=minbase --include=$there "$suite" "$base.new" "$mirror" >"$base.log" 2>&1 \
  || { tail "$base.log" >&2; wrong "debootstrap: $?"; }
# It names hosts for itself only, and starts no service
cp /etc/resolv.conf "$base.new/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$base.new/usr/sbin/policy-rc.d"
chmod 755 "$base.new/usr/sbin/policy-rc.d"
inside apt-get update && inside apt-get install --download-only -y "${named[@]}" \
  || { tail "$base.log" >&2; wrong "Debian's packages could not be fetched"; }
touch "$base.new/whole"
rm -rf --one-file-system "$base"
mv "$base.new" "$base"
