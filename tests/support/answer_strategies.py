"""Requests, and any answer that meets their schema, for property tests."""

import json
from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models.annotators.annotator import AnnotationRequest, AnswerForm, RequestFrame
from models.annotators.response.schema import BoxSpace, Schema, answer_schema, compact_json

DIGEST = "3f9a01c27be4" + "0" * 52


def make_request(
    *, duration_s: float = 12.34, width_px: int = 456, height_px: int = 256, hint: str | None = None
) -> AnnotationRequest:
    """A segment with one frame that nobody looks at."""
    frames = (RequestFrame(0.0, b""),)
    return AnnotationRequest("s1", DIGEST, duration_s, frames, width_px, height_px, hint)


def requests() -> st.SearchStrategy[AnnotationRequest]:
    """Segments of 1 ms to an hour, pictures of 1 to 4096 pixels a side."""
    side = st.integers(1, 4096)
    return st.builds(
        make_request,
        duration_s=st.floats(0.001, 3600),
        width_px=side,
        height_px=side,
    )


def instances(schema: Schema) -> st.SearchStrategy[Any]:
    """Any value that meets a schema of ``answer_schema``, also the ones no model would say."""
    match schema:
        case {"anyOf": forms}:
            return st.one_of(*map(instances, forms))
        case {"type": "array", "prefixItems": items}:
            return st.tuples(*map(instances, items)).map(list)
        case {"type": "array", "items": item, "minItems": least, "maxItems": most}:
            return st.lists(instances(item), min_size=least, max_size=most)
        case {"type": "object", "properties": properties}:
            return st.fixed_dictionaries({key: instances(value) for key, value in properties.items()})
    return _atoms(schema)


def _atoms(schema: Schema) -> st.SearchStrategy[Any]:
    match schema:
        case {"const": value}:
            return st.just(value)
        case {"type": "string", "pattern": pattern}:
            return st.from_regex(pattern.replace("$", r"\Z"), alphabet=st.characters(codec="ascii"))
        case {"type": "integer", "minimum": least, "maximum": most}:
            return st.integers(least, most)
        case {"type": "number", "minimum": least, "maximum": most}:
            return st.integers(round(10 * least), round(10 * most)).map(lambda tenths: tenths / 10)
        case {"type": "boolean"}:
            return st.booleans()
    return st.none()


@st.composite
def asked_and_answered(draw: st.DrawFn) -> tuple[AnnotationRequest, BoxSpace | None, AnswerForm, str]:
    """A request, a grid for its boxes, a form, and words that meet its schema."""
    request, space = draw(requests()), draw(st.sampled_from([None, (1000, 1000), (448, 252)]))
    form = draw(st.sampled_from(get_args(AnswerForm)))
    return request, space, form, compact_json(draw(instances(answer_schema(request, space, form))))


def is_valid(raw: str, schema: Schema) -> bool:
    """Whether JSON meets a schema, as the package jsonschema judges with exact decimals: 0.3 is a multiple of 0.1."""
    exact: Any = json.loads(compact_json(schema), parse_float=Decimal)
    return bool(Draft202012Validator(exact).is_valid(json.loads(raw, parse_float=Decimal)))
