"""Folders and a history of some hours, for the tests of archive, verify and kills. Never part of the product."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from p1monitor.recorder import tail
from p1monitor.recorder.journal import path_of
from tests.cutting import NOON, Life

HOUR_S = 3600


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of this test's own, and in it what stands for memory."""
    (tmp_path / "run").mkdir()
    monkeypatch.setenv(tail.RUNTIME, str(tmp_path / "run"))
    return tmp_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.sqlite"


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history of three hours and a bit."""
    path = tmp_path_factory.mktemp("old") / "history.sqlite"
    life = Life(path, step=30, tail=path.with_name("tail"))
    while life.now < 3 * HOUR_S + 600:
        life.second()
    life.recorder.close()
    return path


@pytest.fixture
def lived(old: Path, path: Path) -> Path:
    """A copy of it."""
    for file in (old, path_of(old)):
        shutil.copy(file, path.parent)
    return path


def moments(begin: int, end: int, step: int) -> Iterator[datetime]:
    return (NOON + timedelta(seconds=at) for at in range(begin, end, step))
