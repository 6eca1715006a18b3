#!/bin/sh
# Puts p1monitor onto this machine as a service, or upgrades it. Called by `make install`, as root; may be run again at any time.
#
#   /opt/p1monitor                             the program, in an environment of its own
#   /usr/local/bin/p1monitor                   leads to its command
#   /etc/p1monitor/config.toml                 the configuration; made once, then it is yours
#   /etc/p1monitor/page                        the page's password, as a hash; made once
#   /etc/systemd/system/p1monitor.service      the service, and in p1monitor.service.d/page.conf its password
#   /etc/udev/rules.d/99-p1monitor.rules       /dev/p1, a name that stays for the cable
#   /var/lib/p1monitor                         the history; the service makes it
#   /var/backups/p1monitor                     copies of the history, one made before each upgrade, two are kept
#
# There is no user to make: the service runs as a user of its own that exists while it runs (DynamicUser=, see the unit).
#
# WHEEL=FILE     install that wheel (made by `make wheel`), not the newest in dist/ or else this folder's source
# METER=WHERE    look for the meter there, as in `p1monitor detect WHERE`; METER=none: do not look
# WITH=EXTRA     with what that needs too: encrypted (Luxembourg, Austria) or prometheus (/metrics); also as --with EXTRA. A
#                configuration with a decryption_key_file needs encrypted, which is seen here, so no upgrade forgets it
# PREFIX=FOLDER  everything below that folder, nothing started, no root needed: for trying it out
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PREFIX=${PREFIX:-}
opt=$PREFIX/opt/p1monitor
etc=$PREFIX/etc/p1monitor
units=$PREFIX/etc/systemd/system
backups=$PREFIX/var/backups/p1monitor
umask 022

say() { echo "p1monitor: $*"; }
fail() { echo "p1monitor: $*" >&2; exit 1; }

extras=${WITH:-}
while [ $# -gt 0 ]; do
  case $1 in
    --with) [ $# -gt 1 ] || fail "--with wants a word: encrypted or prometheus"; extras="$extras $2"; shift 2 ;;
    *) fail "$1 is nothing that this knows: --with encrypted, --with prometheus" ;;
  esac
done
if grep -Eqs '^[[:space:]]*decryption_key_file[[:space:]]*=' "$etc/config.toml"; then extras="$extras encrypted"; fi
extras=$(echo "$extras" | tr ', ' '\n\n' | sort -u | grep . | paste -sd, -) || true
for extra in $(echo "$extras" | tr ',' ' '); do
  case $extra in encrypted | prometheus) ;; *) fail "there is no extra $extra: encrypted or prometheus" ;; esac
done

if [ -n "$PREFIX" ]; then
  running=no
else
  [ "$(id -u)" -eq 0 ] || fail "this writes to /opt and /etc, so it wants root: sudo make install"
  # systemd's own test, sd_booted(3)
  if [ -d /run/systemd/system ]; then running=yes; else running=no; fi
fi

# What to install: a wheel that is not older than the source beside it, else the source, which wants npm or the network
choose() {
  if [ -n "${WHEEL:-}" ]; then
    echo "$WHEEL"
    return
  fi
  source=$(dirname "$here")
  wheel=$(ls -t "$source"/dist/p1monitor_daemon-*.whl 2>/dev/null | head -n 1)
  if [ -n "$wheel" ] && [ -z "$(cd "$source" && find p1monitor web/*.* systemd -type f ! -name '*.pyc' -newer "$wheel" | head -n 1)" ]; then
    echo "$wheel"
  elif [ -f "$source/pyproject.toml" ]; then
    echo "$source"
  fi
}
package=$(choose)
[ -n "$package" ] && [ -e "$package" ] || fail "there is nothing to install here: WHEEL=p1monitor_daemon-….whl"

# Everything is fetched and built before anything that is there is touched
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "this wants Python 3.11 or later"
python3 -c 'import ensurepip' 2>/dev/null || fail "this wants Python's venv module: apt-get install python3-venv"
scratch=$(mktemp -d)
stopped=no
# Whatever goes wrong on the way: what was running runs again
trap 'rm -rf "$scratch"; [ $stopped = no ] || systemctl start p1monitor' EXIT
if ! "$opt/bin/python" -c 'import pip' 2>/dev/null; then # none yet, or one of a Python that is gone
  rm -rf "$opt"
  install -d "$(dirname "$opt")"
  python3 -m venv "$opt"
fi
package=$package${extras:+[$extras]}
say "fetching what $package needs"
"$opt/bin/pip" wheel --quiet --disable-pip-version-check --wheel-dir "$scratch/wheels" "$package"

# The history is copied before the program that writes it changes
keep_history() {
  [ -f "$etc/config.toml" ] || return 0
  store=$(python3 - "$etc/config.toml" <<'PYTHON'
import sys, tomllib, pathlib
file = pathlib.Path(sys.argv[1])
path = tomllib.loads(file.read_text()).get("history", {}).get("path", "/var/lib/p1monitor/history.sqlite")
print(file.parent / path)
PYTHON
  ) || fail "$etc/config.toml cannot be read, so nothing was changed"
  case $store in "$PREFIX"/*) ;; *) store=$PREFIX$store ;; esac
  [ -f "$store" ] || return 0
  install -d -m 700 "$backups"
  copy=$backups/history-$(date +%Y%m%d-%H%M%S).sqlite
  # SQLite's own copy: whole also while somebody writes
  (umask 077; python3 - "$store" "$copy" <<'PYTHON'
import sqlite3, sys
store, copy = sys.argv[1:]
with sqlite3.connect(copy) as into, sqlite3.connect(f"file:{store}?mode=ro", uri=True) as out:
    out.backup(into)
    into.execute("SELECT count(*) FROM sqlite_schema").fetchone()
PYTHON
  ) || { rm -f "$copy"; fail "the history $store could not be copied to $backups, so nothing was changed"; }
  ls -t "$backups"/history-*.sqlite | tail -n +3 | xargs -r rm -f
  say "the history was copied to $copy"
}

if [ $running = yes ] && systemctl is-active --quiet p1monitor; then
  stopped=yes
  systemctl stop p1monitor
fi
keep_history

# The program
"$opt/bin/pip" install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall "$scratch"/wheels/*.whl
install -d "$PREFIX/usr/local/bin"
ln -sf /opt/p1monitor/bin/p1monitor "$PREFIX/usr/local/bin/p1monitor"
say "$("$opt/bin/p1monitor" --version) is in $opt"
if [ -z "$PREFIX" ]; then # elsewhere nothing is started
  sh "$here/compile.sh" "$opt/bin/python" "$opt/compiled" || say "it could not be compiled beforehand, so each start does that"
fi

# The cable's name
install -D -m 644 "$here/99-p1monitor.rules" "$PREFIX/etc/udev/rules.d/99-p1monitor.rules"
if [ $running = yes ]; then
  udevadm control --reload && udevadm trigger --subsystem-match=tty --settle || say "udev did not take the rule; it will at the next start"
fi

# The configuration, filled in by what hangs on the ports
set_key() { # key, value: in place of the line that has it, commented out or not; the rest of the line is about the example
  python3 - "$etc/config.toml.new" "$1" "$2" <<'PYTHON'
import re, sys
path, key, value = sys.argv[1:]
text = open(path).read()
new, count = re.subn(rf"^(?:# )?{key} = \S.*$", lambda _: f"{key} = {value}", text, count=1, flags=re.MULTILINE)
assert count, key
open(path, "w").write(new)
PYTHON
}
install -d -m 755 "$etc"
if [ ! -e "$etc/config.toml" ]; then
  install -m 644 "$here/config.example.toml" "$etc/config.toml.new"
  found=$scratch/found.toml
  : >"$found"
  if [ "${METER:-}" != none ] && "$opt/bin/p1monitor" detect --toml ${METER:+"$METER"} >"$found"; then
    # The first meter goes into the example, others behind it
    awk '/^\[\[meter\]\]/ { n++ } n < 2' "$found" >"$scratch/first.toml"
    grep ' = ' "$scratch/first.toml" | while IFS= read -r line; do
      set_key "${line%% = *}" "$(echo "${line#* = }" | sed 's/  #.*//')"
    done
    grep -Eq '^type = "(serial|optical)"' "$scratch/first.toml" || sed -i 's/^device = /# device = /' "$etc/config.toml.new"
    awk '/^\[\[meter\]\]/ { n++ } n >= 2' "$found" >"$scratch/others.toml"
    [ ! -s "$scratch/others.toml" ] || { echo; cat "$scratch/others.toml"; } >>"$etc/config.toml.new"
  else
    say "no meter yet: write where it is into $etc/config.toml, then systemctl restart p1monitor"
  fi
  # The page for the whole house, behind a password
  sed -i -e 's|^# listen = "127.0.0.1:8080".*|listen = "0.0.0.0:8080"   # the whole network; "127.0.0.1:8080" is this computer only|' \
    -e 's|^# password_file = "page" .*|password_file = "$CREDENTIALS_DIRECTORY/page"   # made by `p1monitor passwd -o /etc/p1monitor/page`|' \
    "$etc/config.toml.new"
  if [ ! -e "$etc/page" ]; then
    password=$("$opt/bin/python" -c 'import secrets
print("-".join("".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(4)))')
    echo "$password" | "$opt/bin/p1monitor" passwd -o "$etc/page" >/dev/null
  fi
  mv "$etc/config.toml.new" "$etc/config.toml"
  say "$etc/config.toml was made"
else
  say "$etc/config.toml stays as it is"
fi

# The service
install -D -m 644 "$here/p1monitor.service" "$units/p1monitor.service"
if [ -e "$etc/page" ] && [ ! -e "$units/p1monitor.service.d/page.conf" ]; then
  install -d "$units/p1monitor.service.d"
  {
    echo "# Made by install.sh: hands the page's password, as a hash, to the daemon alone"
    echo "[Service]"
    echo "LoadCredential=page:/etc/p1monitor/page"
  } >"$units/p1monitor.service.d/page.conf"
fi
if [ $running = yes ]; then
  systemctl daemon-reload
  systemctl enable --quiet p1monitor
  stopped=no
  if systemctl restart p1monitor; then say "the service runs"; else say "the service did not start: journalctl -u p1monitor"; fi
elif [ -z "$PREFIX" ] && command -v systemctl >/dev/null; then
  systemctl enable --quiet p1monitor
  say "systemd does not run here, so the service was not started; it starts with the machine"
else
  say "there is no systemd here, so the service is neither enabled nor started"
fi

name=$(hostname 2>/dev/null || echo localhost)
say "the page: http://$name:8080/ (other addresses of this computer: hostname -I)"
if [ -n "${password:-}" ]; then
  say "its password, shown this once: $password"
fi
say "what works: p1monitor check, p1monitor status"
