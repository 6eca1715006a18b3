"""p1monitor: reads the P1 port of a smart meter, proves every telegram, and hands it on."""

__version__ = "0.1.0"
