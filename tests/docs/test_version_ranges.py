"""The ranges of pyproject.toml: ``make test-lowest`` installs their low ends, and the other locks are within them."""

from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.docs.test_image_files import PROJECT, pins

NOT_IN_THE_LOWEST_LOCK = {"diffusers", "gcsfs", "onnxruntime-gpu", "rerun-sdk"}
"""No fast test imports them."""


def ranges() -> Iterator[Requirement]:
    """What the program and its extras require; the tools of tests have exact versions."""
    extras = PROJECT["project"]["optional-dependencies"]
    of_extras = [text for name, texts in extras.items() if name not in {"test", "dev"} for text in texts]
    for requirement in map(Requirement, PROJECT["project"]["dependencies"] + of_extras):
        if requirement.name != PROJECT["project"]["name"]:
            yield requirement


def low_end(requirement: Requirement) -> Version:
    """The version of its one ``>=``."""
    (version,) = (each.version for each in requirement.specifier if each.operator == ">=")
    return Version(version)


@pytest.mark.parametrize("requirement", list(ranges()), ids=str)
def test_each_low_end_is_what_is_tested(requirement: Requirement) -> None:
    """Else docker/lock.sh has to be run again, or the low end is one that another package excludes."""
    locked = pins("lowest").get(canonicalize_name(requirement.name))
    if requirement.name in NOT_IN_THE_LOWEST_LOCK:
        assert locked is None
    else:
        assert locked is not None
        assert Version(locked) == low_end(requirement)


@pytest.mark.parametrize("lock", ["cpu", "gpu", "dev"])
def test_the_newest_tested_versions_are_in_their_ranges(lock: str) -> None:
    """Of every package that a lock has in common with the ranges."""
    locked = {name: Version(version) for name, version in pins(lock).items()}
    common = [each for each in ranges() if canonicalize_name(each.name) in locked]
    assert len(common) > 15
    for requirement in common:
        assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), requirement


def test_the_lowest_lock_has_the_tools_of_the_other_one() -> None:
    """The same tests run with both."""
    tools = [Requirement(text) for text in PROJECT["project"]["optional-dependencies"]["test"]]
    names = {canonicalize_name(each.name) for each in tools if each.name != PROJECT["project"]["name"]}
    assert {name: pins("lowest")[name] for name in names} == {name: pins("dev")[name] for name in names}
