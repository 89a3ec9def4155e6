"""``<stem>_raw_response.txt``: the responses of the annotator, unparsed, one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
from stream.records.store.append_log import AppendLog
from stream.records.store.atomic import reading

_RESPONSE: TypeAdapter[AnnotationResponse] = TypeAdapter(
    Annotated[AnnotationFailure | AnnotationAnswer, Field(union_mode="left_to_right")]  # only a failure has a reason
)


class RawResponses(AppendLog):
    """The writing end. A response is durable when ``append`` returns."""

    def append(self, response: AnnotationResponse) -> None:
        """Write one response, in ASCII: a model's text may hold anything."""
        self.write(json.dumps(asdict(response)).encode())


def read_responses(path: Path) -> Iterator[AnnotationResponse]:
    """All complete responses so far; none if there is no file.

    Raises:
        DamagedError: a line is not a response.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                with reading(path):
                    response = _RESPONSE.validate_json(line)
                yield response
