"""Tests of this tier start no process, and do not wait for the disk."""

import os
from collections.abc import Iterator

import pytest

from tests.support.limits import limits


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
