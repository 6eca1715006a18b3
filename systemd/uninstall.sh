#!/bin/sh
# Takes away what install.sh made, but for the configuration and the history. Called by `make uninstall`, as root.
#
# PREFIX=FOLDER  what was installed below that folder
set -eu

PREFIX=${PREFIX:-}
units=$PREFIX/etc/systemd/system

if [ -z "$PREFIX" ]; then
  [ "$(id -u)" -eq 0 ] || { echo "p1monitor: this wants root: sudo make uninstall" >&2; exit 1; }
  if command -v systemctl >/dev/null && [ -e "$units/p1monitor.service" ]; then
    [ ! -d /run/systemd/system ] || systemctl stop p1monitor || true
    systemctl disable --quiet p1monitor
  fi
fi

rm -f "$units/p1monitor.service" "$units/p1monitor.service.d/page.conf"
# What you or `systemctl edit` put there is not ours
[ ! -d "$units/p1monitor.service.d" ] || rmdir --ignore-fail-on-non-empty "$units/p1monitor.service.d"
rm -f "$PREFIX/etc/udev/rules.d/99-p1monitor.rules"
[ "$(readlink "$PREFIX/usr/local/bin/p1monitor" 2>/dev/null)" != /opt/p1monitor/bin/p1monitor ] || rm -f "$PREFIX/usr/local/bin/p1monitor"
rm -rf "$PREFIX/opt/p1monitor"

if [ -z "$PREFIX" ] && [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  udevadm control --reload || true
fi

echo "p1monitor: gone. Left, and yours to delete:"
for left in "$PREFIX/etc/p1monitor" "$PREFIX/var/lib/p1monitor" "$PREFIX/var/lib/private/p1monitor" "$PREFIX/var/backups/p1monitor" \
  "$units/p1monitor.service.d"; do
  [ ! -e "$left" ] || echo "  $left"
done
