"""The detector's options on a command line: one for each field of ``DetectorOptions``, told by its docstring."""

import ast
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from itertools import pairwise
from typing import Any, TypeVar, cast

import click

from stream.detection.options import DetectorOptions

T = TypeVar("T")


def detector_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a command all options of the detector; it gets them as one argument ``detector``."""

    @wraps(command)
    def with_detector(**given: Any) -> T:  # noqa: ANN401 - click's values, checked by DetectorOptions
        chosen = {field.name: given.pop(field.name) for field in fields(DetectorOptions)}
        return command(detector=DetectorOptions(**chosen), **given)

    told = _docstrings(DetectorOptions)
    wrapped: Callable[..., T] = with_detector
    for field in reversed(fields(DetectorOptions)):
        flag = "--" + field.name.replace("_", "-")
        option = click.option(
            flag, type=type(field.default), default=field.default, show_default=True, help=told[field.name]
        )
        wrapped = option(wrapped)
    return wrapped


def _docstrings(kind: type) -> dict[str, str]:
    """The docstring under each field of a dataclass, which Python itself does not keep."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    body = cast("ast.ClassDef", tree).body
    told = {}
    for field, below in pairwise(body):
        match field, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                told[name] = text
    return told
