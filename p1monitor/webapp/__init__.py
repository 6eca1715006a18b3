"""The page and its HTTP interface. Never writes to the store, never talks to a meter.

The application itself (`app.py`) is not named here, for it brings Flask: whoever makes it imports it.
"""

from p1monitor.webapp.door import Door, WebError
from p1monitor.webapp.frugal import Frugal
from p1monitor.webapp.server import Server, serve

__all__ = ["Door", "Frugal", "Server", "WebError", "serve"]
