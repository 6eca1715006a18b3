"""The TLS of a client: whom it trusts, and how it shows who it is. Never opens a connection, never asks for a passphrase."""

from __future__ import annotations

import ssl

from p1monitor.settings import MqttSettings
from p1monitor.sinks import SinkError
from p1monitor.sinks.mqtt_words import word_of


def context(settings: MqttSettings) -> ssl.SSLContext:
    """What [mqtt] asks for. A file that cannot be used is told by its key."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks certificate and name
    authority = settings.ca_file
    try:
        if authority is None:
            made.load_default_certs()
        else:
            made.load_verify_locations(authority)
    except OSError as error:  # a file that is not there, or that holds no certificate
        raise SinkError(f"[mqtt] ca_file {authority} cannot be used: {word_of(error)}") from None
    if settings.certificate_file is not None:
        try:
            # Without a passphrase of our own OpenSSL would ask for one, at a terminal that nobody sits at.
            made.load_cert_chain(settings.certificate_file, settings.key_file, password="")
        except OSError as error:
            files = " with key_file ".join(str(file) for file in (settings.certificate_file, settings.key_file) if file)
            raise SinkError(f"[mqtt] certificate_file {files} cannot be used: {word_of(error)}") from None
    return made
