"""What all tests share: the real servers, and which tests belong to this run. Never skips, only deselects."""

from __future__ import annotations

import os
import signal

import pytest

from tests.services import chromium, mosquitto, victoria

__all__ = ["chromium", "mosquitto", "victoria"]

#: Marker -> the environment variable that brings what the marked tests need.
WANTED_BY = {
    "corpus": "P1MONITOR_CORPUS",
    "homeassistant": "P1MONITOR_HASS",
    "cleanroot": "P1MONITOR_CLEANROOT",
    "patient": "P1MONITOR_PATIENT",
}


def pytest_sessionstart() -> None:
    """Whoever starts the tests in the background has them ignore Ctrl-C, and every process that they start inherits that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests whose material is not on this machine."""
    absent = {marker for marker, variable in WANTED_BY.items() if not os.environ.get(variable)}
    outside = [item for item in items if absent & {marker.name for marker in item.iter_markers()}]
    if outside:
        config.hook.pytest_deselected(items=outside)
        items[:] = [item for item in items if item not in set(outside)]
