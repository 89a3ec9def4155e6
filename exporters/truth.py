"""``truth.json``: what really happens in a clip, as somebody who watched it says."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from stream.errors import InputError
from stream.records.events import Kind


class TrueSpan(BaseModel):
    """A stretch of the clip, [t_start_s, t_end_s)."""

    t_start_s: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    t_end_s: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    kind: Kind


_TRUTH: TypeAdapter[dict[str, list[TrueSpan]]] = TypeAdapter(dict[str, list[TrueSpan]])


def read_truth(path: Path) -> dict[str, list[TrueSpan]]:
    """The anomalous spans of each clip, by stem.

    Raises:
        InputError: the file is missing or is not ``{stem: [{t_start_s, t_end_s, kind}]}``.
    """
    try:
        truth = _TRUTH.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(
            f"{path}: {place}: {first['msg']}; expected {{stem: [{{t_start_s, t_end_s, kind}}]}}"
        ) from error
    return {stem: [span for span in spans if span.kind == "anomalous"] for stem, spans in truth.items()}
