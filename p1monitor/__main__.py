"""`python -m p1monitor` is the command `p1monitor`."""

from p1monitor.cli import main

main()
