#!/usr/bin/env bash
# Puts the project into a Debian root as a clone has it, the newest wheel into its dist, and what that needs into /wheels:
# stock_root.sh ROOT CLONE. Nothing in the root has to reach an index of Python packages then.
set -euo pipefail

root=$1 clone=$2
project=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-$project/.venv/bin/python}
wrong() { echo "WRONG: $*" >&2; exit 1; }

wheel=$(find "$project/dist" -name 'p1monitor_daemon-*.whl' -printf '%T@ %p\n' 2>/dev/null | sort -n | tail -n 1 | cut -d ' ' -f 2-)
[ -n "$wheel" ] || wrong "there is no wheel in dist: make wheel"
ours=$("$python" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
# The name of the package that python3 stands for: it need not be installed yet
theirs=$(ls "$root"/var/cache/apt/archives "$root"/usr/bin 2>/dev/null | grep -oE '^python3\.[0-9]+' | sort -u | head -n 1)
[ "$ours" = "$theirs" ] || wrong "the root has $theirs, and what it needs is fetched by $ours: make … PYTHON=$theirs, SUITE=…"
mkdir -p "$clone/dist" "$root/wheels"
(cd "$project" && git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- -c) | tar -x -C "$clone"
cp "$wheel" "$clone/dist"
timeout 300 "$python" -m pip wheel --quiet --disable-pip-version-check --wheel-dir "$root/wheels" "$wheel" \
  || wrong "the network is missing: Python packages could not be fetched"
