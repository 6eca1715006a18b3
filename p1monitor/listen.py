"""A listen address: "host:port" taken apart, and whether only this host can reach it. Never opens a socket."""

from __future__ import annotations

import ipaddress

#: "All addresses" is where to listen, not where to ask.
_ALL = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def split(listen: str) -> tuple[str, int]:
    """("127.0.0.1", 8080) of "127.0.0.1:8080", ("::1", 8080) of "[::1]:8080"; ValueError says what is wrong."""
    host, colon, port = listen.rpartition(":")
    bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if bracketed else host
    if not colon or not host or any(letter in host for letter in " []/") or (":" in host and not bracketed):
        raise ValueError('must be an address and a port, such as "127.0.0.1:8080" or "[::1]:8080"')
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ValueError(f'"{port}" is not a port: 1 to 65535, or 0 for any that is free')
    return host, int(port)


def local_url(listen: str) -> str:
    """The address of what listens there, as this host reaches it."""
    host, port = split(listen)
    host = _ALL.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(host: str) -> bool:
    """Whether nobody outside this host can reach the address. A name counts as reachable, except localhost."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
