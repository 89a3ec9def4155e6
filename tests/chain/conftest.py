"""Tests of this tier start no process, and do not wait for the disk."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.coded_run import make_coded_run
from tests.support.exports import READABLE, export
from tests.support.limits import limits
from tests.support.made_once import MadeOnce


@pytest.fixture(scope="session", autouse=True)
def _no_sync() -> Iterator[None]:
    """No test without a power cut sees what is synced; those that count or refuse syncs patch it themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


@pytest.fixture(autouse=True)
def _limits(request: pytest.FixtureRequest) -> Iterator[None]:
    with limits(request.node):
        yield


@pytest.fixture(scope="session")
def coded_run(made_once: MadeOnce) -> Path:
    """A finished run of a clip whose pictures show their numbers. Tests only read it."""
    return made_once("coded", make_coded_run) / "runs" / "clip"


@pytest.fixture(scope="session")
def exported(coded_run: Path, made_once: MadeOnce) -> Path:
    """The run in all formats, each in the folder of its name. Tests only read it."""
    options = ("--license", "apache-2.0")
    folder = made_once("exported", lambda out: export(",".join(READABLE), coded_run, out / "all", *options))
    return folder / "all"
