"""Whatever a model would rather say, what it says is an answer: the benches of grammar and memory, in small."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.annotators.qwen.annotator import QwenAnnotator, QwenSettings
from tests.support.answer_strategies import make_request
from tests.support.tiny_qwen import save_tiny_qwen
from tests.tools.annotator_memory import growth, resident_bytes
from tests.tools.annotator_memory import main as measure_memory
from tests.tools.grammar import ADVERSARIES, Vocabulary, main, shares, tally
from tests.tools.provoked import tally_of_model

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    """Of the bench: every byte is a token."""
    return Vocabulary()


@pytest.mark.parametrize("adversary", [name for name in ADVERSARIES if name != "longest"])
def test_every_answer_parses(vocabulary: Vocabulary, adversary: str) -> None:
    """Fifty answers of each adversary parse, meet the schema, and end by themselves."""
    counts, _ = tally(adversary, 50, vocabulary, seed=0)
    assert counts == {"answers": 50, "parsed": 50, "valid": 50}


def test_longest_answer_is_not_cut_short(vocabulary: Vocabulary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who strives for the longest answer gets near the bound, and is never cut short by it."""
    monkeypatch.setattr("models.annotators.response.schema.WORDS_CHARS_MAX", 20)
    monkeypatch.setattr("models.annotators.response.schema.ACTIONS_MAX", 2)
    counts, fullest = tally("longest", 3, vocabulary, seed=0)
    assert (counts["parsed"], counts["valid"], counts["truncated"]) == (3, 3, 0)
    assert 0.5 < fullest <= 1


def test_row_that_has_ended_may_only_end(vocabulary: Vocabulary) -> None:
    """After the end of a row there are only end marks; the other rows continue."""
    import torch

    from models.annotators.response.schema import answer_schema, compact_json, echo_of

    request = make_request()
    idle: dict[str, object] = {
        "start_s": 0.0,
        "end_s": 0.9,
        "hands": "rest",
        "active": False,
        "ecot": None,
        "objects": [],
    }
    raw = compact_json({"request": echo_of(request), "box_space": [456, 256], "actions": [idle]})
    tokens = [*vocabulary.tokenizer(raw)["input_ids"], vocabulary.end_ids[0], vocabulary.end_ids[1]]
    constraint = vocabulary.grammar.constraint([answer_schema(request)] * 2)
    logits = torch.zeros((2, vocabulary.width))
    for place in range(len(tokens) + 1):
        allowed = constraint(torch.tensor([[0, *tokens[:place]], [0, *(tokens * 2)[:place]]]), logits).isfinite()
        ended = place >= len(tokens) - 2
        assert not ended or set(allowed[0].nonzero().flatten().tolist()) <= set(vocabulary.end_ids)
        assert allowed.any(dim=1).all()


def test_forbidden_token_is_an_error(vocabulary: Vocabulary) -> None:
    """A sampler that heeds no constraint is found out at once."""
    import torch

    from models.annotators.response.schema import answer_schema

    constraint = vocabulary.grammar.constraint([answer_schema(make_request())])
    logits = torch.zeros((1, vocabulary.width))
    constraint(torch.tensor([[0]]), logits)
    with pytest.raises(RuntimeError, match=r"token \d+ cannot follow in row 0"):
        constraint(torch.tensor([[0, vocabulary.tokenizer("x")["input_ids"][0]]]), logits)


def test_schema_that_cannot_be_followed_is_refused(vocabulary: Vocabulary) -> None:
    """What llguidance cannot hold a model to is an error before the model is asked."""
    with pytest.raises(ValueError, match="the schema cannot be followed"):
        vocabulary.grammar.constraint([{"type": "string", "pattern": "(?<=a)b"}])


def test_shares_add_up() -> None:
    """Every adversary has its turn, and the answers are as many as requested."""
    assert set(shares(10_000)) == set(ADVERSARIES)
    assert sum(shares(10_000).values()) == 10_000
    assert min(shares(10).values()) == 1


def test_bench_of_the_grammar_prints_its_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints how much parsed, was valid and was cut short."""
    monkeypatch.setattr("models.annotators.response.schema.WORDS_CHARS_MAX", 20)
    monkeypatch.setattr("models.annotators.response.schema.ACTIONS_MAX", 1)
    result = CliRunner().invoke(main, ["--answers", "8"], catch_exceptions=False)
    assert re.search(r"^all +8 +100\.00% +100\.00% +0", result.output, re.MULTILINE)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> QwenAnnotator:
    """A small random model."""
    folder = save_tiny_qwen(tmp_path_factory.mktemp("model"), "qwen2_5_vl")
    return QwenAnnotator(folder, QwenSettings(batch_max=15))


@pytest.mark.parametrize("adversary", [name for name in ADVERSARIES if name != "longest"])
def test_every_answer_of_a_provoked_model_parses(
    model: QwenAnnotator, adversary: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifteen answers of a model's own generate, hot and provoked, parse, meet the schema, and end by themselves."""
    monkeypatch.setattr("models.annotators.response.schema.WORDS_CHARS_MAX", 20)
    monkeypatch.setattr("models.annotators.response.schema.ACTIONS_MAX", 2)
    counts = tally_of_model(model, adversary, 15, Vocabulary(*model.vocabulary()), seed=0)
    assert counts == {"answers": 15, "parsed": 15, "valid": 15}


def test_bench_of_a_model_prints_its_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command prints how much parsed, was valid and was cut short, and how many answers came a second."""
    monkeypatch.setattr("models.annotators.response.schema.WORDS_CHARS_MAX", 20)
    monkeypatch.setattr("models.annotators.response.schema.ACTIONS_MAX", 1)
    result = CliRunner().invoke(main, ["--answers", "5", "--model", "qwen3_vl"], catch_exceptions=False)
    assert re.search(r"^all +5 +100\.00% +100\.00% +0 +\d+\.\d\d$", result.output, re.MULTILINE)


def test_memory_does_not_grow_with_the_segments(tmp_path: Path) -> None:
    """After its first batches the annotator keeps nothing of the segments it has described: within 5%."""
    annotator = QwenAnnotator(save_tiny_qwen(tmp_path, "qwen3_vl"), QwenSettings(batch_max=3))
    readings = resident_bytes(annotator, segments=3 * 24)
    assert growth(readings[8:]) < 1.05


def test_bench_of_the_memory_prints_its_ratio() -> None:
    """The command prints the last quarter of the readings against the first."""
    result = CliRunner().invoke(measure_memory, ["--segments", "16"], catch_exceptions=False)
    assert re.search(r"16 segments in 2 batches: \d+ MiB", result.output)
    assert re.search(r"last quarter / first quarter: \d\.\d{3}", result.output)
