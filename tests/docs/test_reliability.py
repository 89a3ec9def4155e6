"""What docs/reliability.md says is tested, is; and what the soak calls flat, is flat."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from models.annotators.annotator import AnnotationAnswer
from models.annotators.openai.annotator import OpenAIAnnotator, OpenAISettings
from models.annotators.response.parse import parse_answer
from tests.support.echo_server import MODEL, answering
from tests.support.openai_requests import segment
from tests.tools.soak import LIMITS, Watch, slope

ROOT = Path(__file__).parents[2]
PROMISES = (ROOT / "docs" / "reliability.md").read_text()


def test_every_test_that_is_named_tests() -> None:
    """Each file that a promise rests on holds tests."""
    files = set(re.findall(r"`(tests/[\w/]+\.py)`", PROMISES))
    assert len(files) > 10
    assert [file for file in files if not re.search(r"^def test_\w+\(", (ROOT / file).read_text(), re.MULTILINE)] == []


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`python -m ([\w.]+[^`]*)`", PROMISES))))
def test_every_bench_that_is_named_is_one(command: str) -> None:
    """The module is there, and takes the options that it is shown with."""
    module, *words = command.split()
    main = import_module(module).main
    with main.make_context(module, words) as context:
        assert context.params


def test_every_promise_is_tested() -> None:
    """No line of the table is without a test or a bench."""
    rows = [line for line in PROMISES.splitlines() if line.startswith("| **")]
    assert rows
    assert [row for row in rows if not re.search(r"`(tests/|python -m)", row.split("|")[2])] == []


def test_segments_of_the_soak_are_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bench's own server gives every segment an answer that is one."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    request = segment()
    with answering() as url:
        (outcome,) = OpenAIAnnotator(OpenAISettings(url, MODEL)).annotate([request])
    assert isinstance(outcome, AnnotationAnswer)
    assert len(parse_answer(outcome.raw, request, outcome.box_space).actions) == 1


def test_peaks_are_not_growth() -> None:
    """Values that return to where they were have no slope, however high they rise in between."""
    ways = np.linspace(0, 1, 101)
    values = np.where(np.arange(101) % 5 == 0, 900.0, 100.0)
    assert slope(ways, values) == 0


def test_slow_growth_is_found_under_noise() -> None:
    """Three units in all, in noise of ten times what is gained from look to look, are seen as three."""
    ways = np.linspace(0, 1, 501)
    noise = np.random.default_rng(0).normal(0, 0.06, 501)
    assert slope(ways, 3 * ways + noise) == pytest.approx(3, abs=0.1)


def test_samples_at_one_time_have_no_slope() -> None:
    """A soak that got nowhere does not pass for flat."""
    watch = Watch()
    for _ in range(10):
        watch.note(1.0, iter([("supervisor files", 5.0)]))
    figure = watch.figures()["supervisor files"]
    assert (figure["slope"], figure["held"]) == (None, False)


@pytest.mark.parametrize(("step", "passes"), [(0.5, True), (1.5, False)])
def test_verdict_is_by_the_limit(step: float, passes: bool) -> None:  # noqa: FBT001 - pytest gives it by name
    """What grows by less than its limit is flat; the time in which caches fill does not count."""
    watch = Watch()
    for number in range(100):
        warm = min(number, 10) * 1000
        watch.note(number / 100, iter([("encode rss_mib", warm + number / 100 * step * LIMITS["rss_mib"])]))
    assert watch.figures()["encode rss_mib"]["held"] is passes
