"""The page and its HTTP interface. Never writes to the store, never talks to a meter."""

from p1monitor.webapp.app import create_app
from p1monitor.webapp.door import WebError
from p1monitor.webapp.server import Server, serve

__all__ = ["Server", "WebError", "create_app", "serve"]
