"""What a server accepts of a request, and how requests to it change when it refuses one.

Servers of the same API differ: some take another name for the limit of tokens, no temperature, no JSON Schema, fewer or
smaller pictures. Each line of ``ADAPTATIONS`` recognises one such refusal by its words and changes the dialect in which
all further requests are made. Every change leaves something out or makes something smaller, so they come to an end.

The words are those of OpenAI (https://platform.openai.com/docs/guides/error-codes), vLLM 0.32
(``VLLMValidationError``), SGLang, llama.cpp and common proxies.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from models.annotators.openai.refusal import Refusal
from models.annotators.response.schema import Schema

TEMPERATURE: Final = 0.0
"""Always the most likely token: a description must not depend on chance."""
_DEFAULT_TEMPERATURE: Final = 1.0
FRAMES_MIN: Final = 4
"""Fewer pictures are sent only if the server takes no more."""
PIXELS_MIN: Final = 64 * 28**2
"""The smallest pictures that are worth describing: 64 tokens of Qwen2.5-VL."""
_TOKEN_STEPS: Final = (4096, 2048, 1024)
"""Limits of an answer's tokens; most answers are shorter than the last."""

AnswerFormat: TypeAlias = Literal["json_schema", "json_object", "text"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """What requests to one server consist of."""

    frames_max: int
    """Most pictures."""
    pixels_max: int
    """Most pixels of a picture."""
    tokens_name: Literal["max_tokens", "max_completion_tokens"] | None = "max_tokens"
    """Parameter that limits the tokens of an answer; None if it is not sent."""
    tokens_max: int | None = None
    """Most tokens of an answer; None for as many as the longest may have."""
    temperature: float | None = TEMPERATURE
    """None if it is not sent, and the server takes its own."""
    answer_format: AnswerFormat = "json_schema"
    omitted_keywords: frozenset[str] = field(default_factory=frozenset)
    """Keywords of JSON Schema that are not sent; the answer is checked against them all the same."""
    shows_preceding: bool = True
    """Whether pictures from before a segment are sent, where there are any."""

    def parameters(self, schema: Schema, tokens: int) -> dict[str, Any]:
        """The parameters of a request whose answer has to meet ``schema``, and has at most ``tokens`` tokens."""
        parameters: dict[str, Any] = {}
        if self.answer_format == "json_schema":
            sent = without_keywords(schema, self.omitted_keywords)
            form = {"name": "annotation", "strict": True, "schema": sent}
            parameters["response_format"] = {"type": "json_schema", "json_schema": form}
        elif self.answer_format == "json_object":
            parameters["response_format"] = {"type": "json_object"}
        if self.tokens_name is not None:
            parameters[self.tokens_name] = min(tokens, self.tokens_max or tokens)
        return parameters | ({} if self.temperature is None else {"temperature": self.temperature})


Adaptation: TypeAlias = Callable[[Dialect, Refusal], tuple[Dialect, str] | None]
"""A dialect that may be accepted and a clause on what changed, if the refusal is of its kind and a change is left."""


def without_keywords(schema: Any, keywords: frozenset[str]) -> Any:  # noqa: ANN401  (any JSON)
    """A JSON Schema without some keywords; names of properties are none."""
    if isinstance(schema, list):
        return [without_keywords(each, keywords) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: {each: without_keywords(value[each], keywords) for each in value}
        if name == "properties"
        else without_keywords(value, keywords)
        for name, value in schema.items()
        if name not in keywords
    }


def adapted(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    """The dialect to try after a refusal, and a clause on what changed; None if no adaptation applies."""
    if refusal.status not in _ADAPTABLE and not (refusal.status == _BUSY and _says(refusal, _TOO_LARGE_EVER)):
        return None
    changes = (adapt(dialect, refusal) for adapt in ADAPTATIONS)
    return next((change for change in changes if change is not None), None)


def without_preceding(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    """The dialect without preceding frames, and a clause on it, if a request as a whole is too much for the server."""
    if refusal.status not in _ADAPTABLE or not dialect.shows_preceding or _says(refusal, _ABOUT_PICTURE_SIZE):
        return None
    is_too_long = _says(refusal, _ABOUT_CONTEXT) and _says(refusal, r"context|prompt|input|messages")
    is_too_large = refusal.status == _CONTENT_TOO_LARGE or _says(refusal, _ABOUT_BODY)
    if not (is_too_long or is_too_large or _says(refusal, _ABOUT_PICTURES)):
        return None
    return replace(dialect, shows_preceding=False), "no pictures from before a segment"


_ADAPTABLE: Final = frozenset({400, 413, 415, 422, 500, 501})
"""llama.cpp and some proxies answer a request that they do not take with 500."""
_BUSY: Final = 429
_CONTENT_TOO_LARGE: Final = 413
"""RFC 9110, 15.5.14."""
_TOO_LARGE_EVER: Final = r"request too large|must be reduced"
"""Of a request that exceeds a rate limit by itself: waiting does not help (OpenAI, Groq)."""
_UNKNOWN: Final = r"unsupported|not supported|not permitted|unrecognized|unknown|unexpected|extra|instead|deprecated"
_IN_QUOTES: Final = r"['\"`]{}['\"`]"
_KEYWORDS: Final = (
    "multipleOf", "maxLength", "maxItems", "minItems", "prefixItems", "additionalProperties",
    "pattern", "minimum", "maximum",
)  # fmt: skip
_BOUNDS: Final = frozenset({"multipleOf", "maxLength", "maxItems", "minItems", "pattern", "minimum", "maximum"})


def _other_tokens_name(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    name = dialect.tokens_name
    if name is None or not _says(refusal, rf"\b{name}\b") or not _says(refusal, _UNKNOWN):
        return None
    other: Literal["max_completion_tokens"] | None = "max_completion_tokens" if name == "max_tokens" else None
    return replace(dialect, tokens_name=other), f"{other} instead of {name}" if other else f"no {name}"


def _other_temperature(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    """None, which leaves the server its default; if it refuses that, too, the value that servers call the default."""
    if not _says(refusal, r"\btemperature\b"):
        return None
    if dialect.temperature == TEMPERATURE:
        return replace(dialect, temperature=None), "no temperature, so that answers depend on chance"
    if dialect.temperature is None:
        return replace(dialect, temperature=_DEFAULT_TEMPERATURE), f"a temperature of {_DEFAULT_TEMPERATURE:g}"
    return None


def _fewer_keywords(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    """Leave out the keywords that the server names; if it names none, those that grammars lack most often.

    xgrammar (in vLLM 0.32) takes no multipleOf, and no maxLength beside a pattern, which bounds the length, too.
    """
    if dialect.answer_format != "json_schema" or not re.search(_ABOUT_SCHEMA, _without_names(refusal.message)):
        return None
    left = [keyword for keyword in _KEYWORDS if keyword not in dialect.omitted_keywords]
    named = frozenset(keyword for keyword in left if re.search(_keyword(keyword), refusal.message))
    steps = (named, frozenset({"multipleOf"}), frozenset({"maxLength"}), _BOUNDS)
    omitted = next((step for step in steps if step - dialect.omitted_keywords), None)
    if omitted is None:
        return None
    clause = f"a schema without {', '.join(sorted(omitted - dialect.omitted_keywords))}"
    return replace(dialect, omitted_keywords=dialect.omitted_keywords | omitted), clause


def _other_answer_format(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    if dialect.answer_format == "text" or not _says(refusal, _ABOUT_FORMAT):
        return None
    if dialect.answer_format == "json_schema":
        return replace(dialect, answer_format="json_object"), "response_format json_object instead of json_schema"
    return replace(dialect, answer_format="text"), "no response_format"


def _smaller_pictures(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    return _with_smaller_pictures(dialect) if _says(refusal, _ABOUT_PICTURE_SIZE) else None


def _fewer_pictures(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    if not _says(refusal, _ABOUT_PICTURES):
        return None
    limit = _number(refusal, r"(?:at most|up to|max(?:imum)?(?: of| is|:| number of images is)?|limit(?: of| is)?|>)")
    frames = limit if limit is not None and limit < dialect.frames_max else dialect.frames_max // 2
    return _with_frames(dialect, frames)


def _fewer_tokens(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    """Fewer tokens of the answer as long as they suffice for one, then fewer pictures, then smaller ones."""
    if not _says(refusal, _ABOUT_CONTEXT):
        return None
    left = [step for step in _TOKEN_STEPS if step < (dialect.tokens_max or _TOKEN_STEPS[0] + 1)]
    context, prompt = _number(refusal, _CONTEXT), _first_number(refusal, _OF_PROMPT)
    if context is not None and prompt is not None:
        left = [step for step in left if step <= context - prompt]
    elif (
        stated := _number(refusal, r"(?:at most|up to|less than or equal to|maximum value(?: is|:)?|<=)")
    ) is not None:
        left = [step for step in left if step <= stated] or left[-1:]
    if left and dialect.tokens_name is not None and not _says(refusal, _TOO_LONG_PROMPT):
        return replace(dialect, tokens_max=left[0]), f"at most {left[0]} tokens in an answer"
    if dialect.frames_max > FRAMES_MIN:
        return _with_frames(dialect, max(FRAMES_MIN, dialect.frames_max // 2))
    return _with_smaller_pictures(dialect)


def _smaller_body(dialect: Dialect, refusal: Refusal) -> tuple[Dialect, str] | None:
    """Smaller pictures, then fewer."""
    if refusal.status != _CONTENT_TOO_LARGE and not _says(refusal, _ABOUT_BODY):
        return None
    return _with_smaller_pictures(dialect) or _with_frames(dialect, dialect.frames_max // 2)


ADAPTATIONS: Final[tuple[Adaptation, ...]] = (
    _other_tokens_name,
    _other_temperature,
    _fewer_keywords,
    _other_answer_format,
    _smaller_pictures,
    _fewer_pictures,
    _fewer_tokens,
    _smaller_body,
)
"""In the order in which they are tried: the first that applies counts."""

_ABOUT_SCHEMA: Final = r"(?i)schema|grammar|keyword"
_ABOUT_FORMAT: Final = r"response_format|schema|json_object|structured output|guided|grammar"
_ABOUT_PICTURES: Final = (
    r"too many images|images?\(s\) may be|(?:at most|up to|maximum|limit|exceed\w*)\b.{0,60}\bimages?\b"
    r"|\bimages?\b.{0,40}\b(?:exceed|at most|limit)"
)
_SIZE, _IS_TOO_LARGE = r"\b(?:dimensions?|size|resolution|pixels|bytes|[km]i?b)\b", r"\b(?:exceed|limit|max|too large)"
_ABOUT_PICTURE_SIZE: Final = rf"\bimages?\b.{{0,40}}(?:{_SIZE}.{{0,40}}{_IS_TOO_LARGE}|{_IS_TOO_LARGE}.{{0,40}}{_SIZE})"
_ABOUT_CONTEXT: Final = (
    r"context (?:length|window|size)|max(?:imum)? (?:model )?(?:length|len\b)|too many tokens"
    r"|max_(?:completion_|new_)?tokens|input length|tokens?\b.{0,60}\b(?:exceed|too (?:large|long|many)|limit)"
    r"|exceed\w*.{0,60}\btokens?\b|prompt (?:is )?too long"
)
_TOO_LONG_PROMPT: Final = (
    r"without any output tokens|prompt (?:is )?too long|(?:prompt|input) \(.{0,40}\) (?:is longer|exceeds)"
    r"|messages resulted in|input length"  # OpenAI; DashScope
    r"|(?:exceeds the available|larger than the max) context size|keep the first"  # llama.cpp; LM Studio
)
_CONTEXT: Final = r"(?:maximum context length (?:is|of)|must be <=)"
_OF_PROMPT: Final = r"\b(\d{1,7}) (?:in the messages|input tokens|tokens from the input|[`'\"]?inputs[`'\"]? tokens)"
_ABOUT_BODY: Final = r"(?:entity|payload|body|request) (?:is )?too large|body size|image (?:is )?too large"


def _says(refusal: Refusal, pattern: str) -> bool:
    """Whether the server's words, or the parameter that it names, match a pattern, in any case."""
    return re.search(pattern, f"{refusal.message} {refusal.parameter} {refusal.code}", re.IGNORECASE) is not None


def _without_names(message: str) -> str:
    """The words without those that name the form of an answer, so that they are left if the schema itself is meant."""
    return re.sub(r"json_schema|json_object|response_format", " ", message)


def _keyword(keyword: str) -> str:
    """The pattern of a keyword's name; one that is also an English word counts in quotation marks only."""
    return _IN_QUOTES.format(keyword) if keyword.islower() else rf"\b{keyword}\b"


def _number(refusal: Refusal, before: str) -> int | None:
    """The number that stands in the server's words after a phrase."""
    return _first_number(refusal, rf"{before}\D{{0,12}}?(\d{{1,7}})\b")


def _first_number(refusal: Refusal, pattern: str) -> int | None:
    """The group of a pattern in the server's words."""
    found = re.search(pattern, refusal.message, re.IGNORECASE)
    return int(found[1]) if found else None


def _with_frames(dialect: Dialect, frames: int) -> tuple[Dialect, str] | None:
    if not 1 <= frames < dialect.frames_max:
        return None
    return replace(dialect, frames_max=frames), f"at most {frames} picture{'s' if frames > 1 else ''} of a segment"


def _with_smaller_pictures(dialect: Dialect) -> tuple[Dialect, str] | None:
    if dialect.pixels_max <= PIXELS_MIN:
        return None
    pixels = max(PIXELS_MIN, dialect.pixels_max // 2)
    return replace(dialect, pixels_max=pixels), f"pictures of at most {pixels} pixels"
