"""What a broker's refusals and a connection's failures mean, in words that say where to look. Never opens a connection."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping

from p1monitor.sinks.certificates import by_date

SILENT = "accepts the connection but does not answer"
HANGS_UP, CHECK_PORT = "closes the connection without an answer", ": check [mqtt] port, tls and certificate_file"
_CREDENTIALS = "refuses the user name or the password: check [mqtt] username and password_file"
#: What the broker's own refusal means to the one who reads the log.
REFUSALS: Mapping[str, str] = {
    "Not authorized": _CREDENTIALS,
    "Bad user name or password": _CREDENTIALS,
    "Client identifier not valid": "refuses our client identifier",
    "Server unavailable": "says that it is not available now",
}
DENIED = "does not take all that we publish ({}): check its ACL for [mqtt] topic and discovery"
#: What a failed attempt means; the first that fits counts. {} is the system's own word for it.
FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "shows a certificate that is not trusted ({}): check [mqtt] host and ca_file"),
    (ssl.SSLError, f"does not speak TLS here ({{}}){CHECK_PORT}"),
    (socket.gaierror, "has a name that is not known here ({}): check [mqtt] host and the network"),
    (ConnectionResetError, f"{HANGS_UP} ({{}}){CHECK_PORT}"),
    (ConnectionRefusedError, "does not listen there ({}): check [mqtt] host and port, or start it"),
    (TimeoutError, "does not answer ({}): check [mqtt] host and port"),
    (OSError, "cannot be reached ({})"),
)


def why(error: BaseException) -> str:
    """The half-sentence of a failed attempt, to follow the broker's name."""
    known = (words for kind, words in FAILURES if isinstance(error, kind))
    return (by_date(error) or next(known, FAILURES[-1][1])).format(word_of(error))


def word_of(error: BaseException) -> str:
    """The system's own word, without its numbers."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or str(error.reason)
    if isinstance(error, ssl.SSLError) and error.reason:
        return str(error.reason).replace("_", " ").lower()
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__
