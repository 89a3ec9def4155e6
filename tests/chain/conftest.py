"""Tests of this tier start no process."""

from collections.abc import Iterator

import pytest

from tests.support.no_process import no_process


@pytest.fixture(autouse=True)
def _no_process() -> Iterator[None]:
    with no_process():
        yield
