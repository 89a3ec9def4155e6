"""A server's refusal, by its words, changes the dialect of requests; what is no matter of it changes nothing."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from models.annotators.openai.dialect import PIXELS_MIN, Dialect, adapted, without_keywords
from models.annotators.openai.known_dialects import Adapted, KnownDialects, Server, forget_dialects
from models.annotators.openai.negotiation import Negotiation
from models.annotators.openai.refusal import Refusal
from models.annotators.response.schema import answer_schema
from tests.support.answer_strategies import make_request

DIALECT = Dialect(frames_max=32, pixels_max=200_704)
SCHEMA = answer_schema(make_request())


@pytest.fixture(autouse=True)
def _unknown_servers() -> None:
    """No test knows what a server refused in another."""
    forget_dialects()


def changed(refusal: Refusal, dialect: Dialect = DIALECT) -> dict[str, Any] | None:
    """The fields that a refusal changes; None if it changes none."""
    change = adapted(dialect, refusal)
    before = asdict(dialect)
    return change and {name: value for name, value in asdict(change[0]).items() if value != before[name]}


OPENAI_TOKENS = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
VLLM_CONTEXT = "max_tokens=100000 cannot be greater than max_model_len=16384. Please request fewer output tokens."
VLLM_PROMPT = (
    "This model's maximum context length is 16384 tokens. However, your prompt contains at least 16385 input tokens, "
    "which exceeds this limit even without any output tokens. Please reduce the length of the input prompt."
)
VLLM_SPLIT = (
    "This model's maximum context length is 8192 tokens. However, you requested 20000 tokens ({} in the messages, "
    "8277 in the completion). Please reduce the length of the messages or completion."
)
TGI_SPLIT = "`inputs` tokens + `max_new_tokens` must be <= 8193. Given: {} `inputs` tokens and 8277 `max_new_tokens`"
OPENAI_LARGE = (
    "Request too large for gpt-4o on tokens per min (TPM): Limit 30000, Requested 40000. The input or output tokens "
    "must be reduced in order to run successfully."
)
SHORTER = {"frames_max": 16}
"""A prompt that is too long by itself: no limit of the answer makes room for it."""


@pytest.mark.parametrize(
    ("status", "message", "fields"),
    [
        (400, OPENAI_TOKENS, {"tokens_name": "max_completion_tokens"}),
        (422, "max_tokens: Extra inputs are not permitted", {"tokens_name": "max_completion_tokens"}),
        (400, "temperature does not support 0 with this model", {"temperature": None}),
        (400, "`temperature` is deprecated for this model.", {"temperature": None}),
        (400, "response_format type json_schema is unavailable now", {"answer_format": "json_object"}),
        (400, "'response_format.type' must be one of 'text', 'json_object'", {"answer_format": "json_object"}),
        (501, "structured output is not implemented", {"answer_format": "json_object"}),
        (400, "Invalid schema: 'pattern' is not permitted.", {"omitted_keywords": frozenset({"pattern"})}),
        (400, "Grammar error: Invalid type: strin", {"omitted_keywords": frozenset({"multipleOf"})}),
        (400, "schema: maxLength and maxItems", {"omitted_keywords": frozenset({"maxLength", "maxItems"})}),
        (400, "At most 10 image(s) may be provided in one prompt. (parameter=image)", {"frames_max": 10}),
        (400, "Number of images exceeds the limit of 5", {"frames_max": 5}),
        (400, "too many images", {"frames_max": 16}),
        (
            400,
            "max_tokens is too large: 8277. This model supports at most 4096 tokens",
            {"tokens_max": 4096},
        ),
        (400, VLLM_CONTEXT, {"tokens_max": 4096}),
        (400, "This model's maximum context length is 8192 tokens. However, you requested 12000", {"tokens_max": 4096}),
        (400, "max_tokens must be less than or equal to `2048`", {"tokens_max": 2048}),
        (400, VLLM_PROMPT, {"frames_max": 16}),
        (400, "request (9001 tokens) exceeds the available context size (4096 tokens), try increasing it", SHORTER),
        (500, "input (9001 tokens) is larger than the max context size (4096 tokens). skipping", SHORTER),
        (400, "maximum context length is 4097 tokens. However, your messages resulted in 9000 tokens", SHORTER),
        (400, "The input (9000 tokens) is longer than the model's context length (8192 tokens).", SHORTER),
        (400, "prompt too long; exceeded max context length by 12 tokens", SHORTER),
        (400, "Trying to keep the first 9000 tokens, but the model is loaded with context length of 4096", SHORTER),
        (400, "Range of input length should be [1, 6000]", SHORTER),
        (400, VLLM_SPLIT.format(11723), SHORTER),
        (400, VLLM_SPLIT.format(5000), {"tokens_max": 2048}),
        (422, TGI_SPLIT.format(9000), SHORTER),
        (422, TGI_SPLIT.format(100), {"tokens_max": 4096}),
        (429, OPENAI_LARGE, {"tokens_max": 4096}),
        (400, "Too many images in request. Max is 10.", {"frames_max": 10}),
        (400, "Too many images and documents: 32 + 0 > 20", {"frames_max": 20}),
        (400, "The image dimensions exceed the maximum of 448x448 pixels.", {"pixels_max": 100_352}),
        (400, "image exceeds 5 MB maximum: 7000000 bytes > 5242880 bytes", {"pixels_max": 100_352}),
        (413, "", {"pixels_max": 100_352}),
        (400, "request body too large", {"pixels_max": 100_352}),
        (400, "Failed to load image: cannot identify image file <_io.BytesIO object>", None),
        (400, "Provider returned error", None),
        (401, OPENAI_TOKENS, None),
        (429, "Rate limit reached for tokens per min: Limit 30000", None),
        (503, "context length", None),
    ],
)
def test_refusal_changes_what_it_speaks_of(status: int, message: str, fields: dict[str, Any] | None) -> None:
    """Words of real servers; one field changes, or none."""
    assert changed(Refusal(status, message)) == fields


def test_parameter_that_is_named_beside_the_words_counts() -> None:
    assert changed(Refusal(400, "not supported", parameter="temperature")) == {"temperature": None}


@pytest.mark.parametrize("message", [OPENAI_TOKENS, VLLM_CONTEXT, VLLM_PROMPT, "too many images", "Grammar error", ""])
def test_changes_come_to_an_end(message: str) -> None:
    """The same refusal again and again changes something at most fifteen times; one picture always remains."""
    dialect = DIALECT
    for _ in range(15):
        change = adapted(dialect, Refusal(413 if not message else 400, message))
        if change is None:
            break
        dialect, clause = change
        assert clause
    else:
        pytest.fail("the changes do not end")
    assert dialect.frames_max >= 1
    assert dialect.pixels_max >= PIXELS_MIN


def test_parameters_are_those_of_the_dialect() -> None:
    """Each field decides one part of a request."""
    strict = {"name": "annotation", "strict": True, "schema": SCHEMA}
    form = {"type": "json_schema", "json_schema": strict}
    assert DIALECT.parameters(SCHEMA, 900) == {"response_format": form, "max_tokens": 900, "temperature": 0.0}
    other = replace(DIALECT, tokens_name="max_completion_tokens", tokens_max=500, answer_format="json_object")
    assert replace(other, temperature=None).parameters(SCHEMA, 900) == {
        "response_format": {"type": "json_object"},
        "max_completion_tokens": 500,
    }
    bare = Dialect(1, 1, tokens_name=None, temperature=None, answer_format="text")
    assert bare.parameters(SCHEMA, 900) == {}


def test_keywords_are_left_out_at_any_depth() -> None:
    """A property of that name stays: only keywords go."""
    schema = {
        "type": "object",
        "properties": {"pattern": {"type": "string", "pattern": "a"}},
        "anyOf": [{"pattern": 1}],
    }
    bare = {"type": "object", "properties": {"pattern": {"type": "string"}}, "anyOf": [{}]}
    assert without_keywords(schema, frozenset({"pattern"})) == bare


def test_short_segment_halves_its_own_pictures() -> None:
    """Of a request with three pictures, of 32 that may be sent, fewer than three are sent next."""
    server = Negotiation("http://host/v1", "model", DIALECT)
    assert server.adapt(DIALECT, 3, Refusal(400, "too many images"))
    assert server.dialect.frames_max == 1
    other = Negotiation("http://host/v1", "other", DIALECT)
    assert other.adapt(DIALECT, 3, Refusal(400, "temperature"))
    assert other.dialect == replace(DIALECT, temperature=None)


def test_request_in_an_older_dialect_is_repeated_without_a_change() -> None:
    server = Negotiation("http://host/v1", "model", DIALECT)
    assert server.adapt(DIALECT, 9, Refusal(400, "temperature"))
    assert server.adapt(DIALECT, 9, Refusal(400, "whatever"))
    assert not server.adapt(server.dialect, 9, Refusal(400, "whatever"))
    assert server.changes == ["no temperature, so that answers depend on chance"]


def test_later_run_begins_with_what_is_known() -> None:
    """In one process, for the same server and model, and where the options are the same."""
    first = Negotiation("http://host/v1", "model", DIALECT)
    assert first.adapt(DIALECT, 9, Refusal(400, "temperature"))
    first.note_hopeless("refuses access")
    later = Negotiation("http://host/v1", "model", DIALECT)
    assert (later.dialect, later.changes, later.ended) == (first.dialect, first.changes, None)
    fewer = replace(DIALECT, frames_max=8)
    others = [
        ("http://host/v1", "other", DIALECT),
        ("http://gpu/v1", "model", DIALECT),
        ("http://host/v1", "model", fewer),
    ]
    assert [Negotiation(*other).changes for other in others] == [[], [], []]


@pytest.mark.parametrize(
    "message", ["JSON schema conversion failed: Unrecognized schema", "invalid JSON schema in format"]
)
def test_schema_that_is_refused_without_any_bound_is_not_sent(message: str) -> None:
    """When no keyword is left that could be left out, the form of the answer changes."""
    dialect: Dialect = DIALECT
    while dialect.answer_format == "json_schema":
        change = adapted(dialect, Refusal(400, message))
        assert change is not None
        dialect = change[0]
    assert dialect.answer_format == "json_object"


def test_processes_share_what_a_server_refuses(tmp_path: Path) -> None:
    """One learns it; another repeats its request as the first does, or begins so, and neither learns it twice."""
    file = tmp_path / "dialects.json"
    first, second = (Negotiation("http://host/v1", "model", DIALECT, KnownDialects(file)) for _ in range(2))
    refusal, keyword = Refusal(400, "temperature"), Refusal(400, "Invalid schema: 'pattern' is not permitted.")
    assert first.adapt(DIALECT, 9, refusal)
    assert second.dialect == DIALECT
    assert second.adapt(DIALECT, 9, refusal)
    assert (second.dialect, second.changes) == (first.dialect, first.changes)
    assert second.adapt(second.dialect, 9, keyword)
    assert len(second.changes) == 2
    first.begin_batch()
    assert (first.dialect, first.changes) == (second.dialect, second.changes)
    other = Negotiation("http://gpu/v1", "model", DIALECT, KnownDialects(file))
    third = Negotiation("http://host/v1", "model", DIALECT, KnownDialects(file))
    assert (other.dialect, third.dialect) == (DIALECT, first.dialect)
    assert Negotiation("http://host/v1", "model", DIALECT).dialect == DIALECT


def test_of_two_changes_at_once_one_counts(tmp_path: Path) -> None:
    """The other request is repeated in the dialect that the first one led to."""
    known = KnownDialects(tmp_path / "dialects.json")
    server = Server("http://host/v1", "model", DIALECT)
    before = known.get(server)
    one, other = (Adapted(replace(DIALECT, frames_max=count), (f"{count}",)) for count in (8, 4))
    assert known.put(server, before, one) == one
    assert known.put(server, before, other) == one
    assert known.put(server, one, other) == other
