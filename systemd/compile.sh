#!/bin/sh
# Compiles p1monitor and what it imports as the service runs them (PYTHONOPTIMIZE=2, see the unit). Called by install.sh.
#
#   compile.sh PYTHON FOLDER     that Python's p1monitor, into that folder, which is made anew
set -eu
rm -rf "$2"
unset PYTHONDONTWRITEBYTECODE
export PYTHONOPTIMIZE=2 PYTHONPYCACHEPREFIX="$2"
# Whatever is imported is compiled: Python's own library, which nobody has compiled so, as far as the service needs it
"$1" -c 'import encodings.idna, p1monitor.cli, p1monitor.daemon, p1monitor.webapp.app
import p1monitor.sinks.influxdb, p1monitor.sinks.mqtt, p1monitor.sources.serial'
# The rest of ours, which depends on the configuration
"$1" -m compileall -q "$("$1" -c 'import pathlib, p1monitor; print(pathlib.Path(p1monitor.__file__).parent)')"
