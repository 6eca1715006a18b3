#!/usr/bin/env bash
# The life of an installation in a clean Debian root: install, look, run, upgrade, uninstall. Called by `make cleanroot`,
# through in_clean_root.sh, which makes the root and ends what is left running.
set -euo pipefail

project=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$project/.venv/bin/python}
root=$P1MONITOR_CLEANROOT
scratch=$(mktemp -d -p "$(dirname "$root")")
clone=/home/pi/p1monitor
daemon=

step() { echo "== $*"; }
wrong() { echo "WRONG: $*" >&2; exit 1; }
within=(chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8)
inside() { timeout 300 "${within[@]}" "$@"; }
install() { inside METER="${1:-}" make -s -C $clone install; }
rights() { stat -c '%a %U' "$root$1"; }
expect() { [ "$1" = "$2" ] || wrong "$3: $1, not $2"; }

step "what install.sh wants"
inside DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends make python3-venv >"$scratch/log" 2>&1 \
  || { cat "$scratch/log"; wrong "apt-get: $?"; }

step "make install, which finds a simulated meter over TCP"
"$python" -m p1monitor simulate --tcp 127.0.0.1:47001 >/dev/null & daemon=$!
sleep 2
install 127.0.0.1:47001 | tee "$scratch/told"
kill "$daemon"; wait "$daemon" || true; daemon=
password=$(sed -n 's/.*shown this once: //p' "$scratch/told")
[ -n "$password" ] || wrong "no password was shown"
expect "$(rights /etc/p1monitor/config.toml)" "644 root" "config.toml"
expect "$(rights /etc/p1monitor/page)" "600 root" "page"
expect "$(rights /etc/systemd/system/p1monitor.service)" "644 root" "the unit"
expect "$(rights /etc/udev/rules.d/99-p1monitor.rules)" "644 root" "the rule"
[ -L "$root/etc/systemd/system/multi-user.target.wants/p1monitor.service" ] || wrong "not enabled"
! grep -rqs "$password" "$root/etc" "$root/opt" || wrong "the password itself was kept"
grep -q '^host = "127.0.0.1"' "$root/etc/p1monitor/config.toml" || wrong "detect's answer is not in the configuration"
[ -z "$(find "$root/opt/p1monitor" "$root/etc/p1monitor" -perm -o+w ! -type l)" ] || wrong "others may write"

step "the unit, by systemd-analyze"
inside systemd-analyze verify --man=no p1monitor.service 2>"$scratch/verify" || wrong "verify: $(cat "$scratch/verify")"
[ ! -s "$scratch/verify" ] || wrong "verify says: $(cat "$scratch/verify")"
inside systemd-analyze security --offline=true --threshold=16 --no-pager /etc/systemd/system/p1monitor.service >"$scratch/exposure" \
  || wrong "exposed: $(cat "$scratch/exposure")"
tail -n 1 "$scratch/exposure"

step "its ExecStart, as a user of its own, with what systemd would give it"
sed -i -e 's/^type = "tcp"/type = "simulated"/' -e '/^host = /d' -e '/^port = /d' -e 's/0\.0\.0\.0:8080/0.0.0.0:47080/' "$root/etc/p1monitor/config.toml"
user=61184 # the first of those that DynamicUser= gives
mkdir -p "$root/run/credentials"
command install -d -m 700 -o $user -g $user "$root/var/lib/p1monitor" "$root/run/p1monitor" "$root/run/credentials/p1monitor"
command install -m 400 -o $user -g $user "$root/etc/p1monitor/page" "$root/run/credentials/p1monitor/page"
start=$(sed -n 's/^ExecStart=//p' "$root/etc/systemd/system/p1monitor.service")
serve() {
  # shellcheck disable=SC2086  # its words are words
  "${within[@]}" CREDENTIALS_DIRECTORY=/run/credentials/p1monitor setpriv --reuid=$user --regid=$user --clear-groups --no-new-privs $start >"$scratch/log" 2>&1 &
  daemon=$!
  for _ in $(seq 60); do
    sleep 0.5
    if echo "$password" | inside p1monitor status --password-file /dev/stdin --url http://127.0.0.1:47080 >"$scratch/status" 2>&1; then return; fi
  done
  cat "$scratch/status" "$scratch/log"
  wrong "the daemon does not say that it works"
}
finish() { kill "$daemon"; wait "$daemon" || true; daemon=; }
code() { curl -s -o "$scratch/page" -w '%{http_code}' "$@"; }
serve
cat "$scratch/status"
expect "$(code http://127.0.0.1:47080/)" 303 "the page without its password"
expect "$(code http://127.0.0.1:47080/api/v1/live)" 401 "the numbers without the password"
expect "$(code -u "me:$password" http://127.0.0.1:47080/)" 200 "the page with its password"
grep -qi '<html' "$scratch/page" || wrong "that is no page"
expect "$(code -u "me:$password" http://127.0.0.1:47080/vendor/uPlot.iife.min.js)" 200 "the charts"
finish
count() { inside /opt/p1monitor/bin/python -c "import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); print(sum(d.execute(f'select count(*) from \"{t}\"').fetchone()[0] for (t,) in d.execute(\"select name from sqlite_master where type='table'\").fetchall()))" "$1"; }
rows=$(count /var/lib/p1monitor/history.sqlite)
[ "$rows" -gt 0 ] || wrong "no history"

step "make install again: an upgrade"
sum=$(cat "$root/etc/p1monitor/config.toml" "$root/etc/p1monitor/page" | sha256sum)
install | tee "$scratch/told"
! grep -q 'shown this once' "$scratch/told" || wrong "a new password"
expect "$(cat "$root/etc/p1monitor/config.toml" "$root/etc/p1monitor/page" | sha256sum)" "$sum" "the configuration"
copy=$(cd "$root" && ls var/backups/p1monitor/history-*.sqlite)
expect "$(count "/$copy")" "$rows" "rows in the copy"
expect "$(stat -c %a "$root/$copy")" 600 "rights of the copy"
expect "$(count /var/lib/p1monitor/history.sqlite)" "$rows" "rows after the upgrade"
serve
finish

step "make uninstall"
inside make -s -C $clone uninstall
find "$root" -xdev \( -path "$root/home" -o -path "$root/wheels" -o -path "$root/run" -o -path "$root/tmp" \) -prune -o -iname '*p1monitor*' -print \
  | sed "s|$root||" | sort | tee "$scratch/left"
expect "$(tr '\n' ' ' <"$scratch/left")" "/etc/p1monitor /var/backups/p1monitor /var/lib/p1monitor " "what is left"
