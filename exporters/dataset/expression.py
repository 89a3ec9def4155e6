"""Conditions on episodes, as a user writes them: ``score_max > 0.12 and "screw" in words``."""

import ast
import operator
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from exporters.dataset.episode import Episode
from stream.errors import UsageError

Condition: TypeAlias = Callable[[Episode], bool]
Value: TypeAlias = Callable[[Episode], Any]

FIELDS: Final[Mapping[str, Value]] = MappingProxyType(
    {
        "score_mean": lambda episode: episode.score_mean,
        "score_max": lambda episode: episode.score_max,
        "duration_s": lambda episode: episode.duration_s,
        "t_start_s": lambda episode: episode.t_start_s,
        "period_s": lambda episode: episode.period_s,
        "cycles": lambda episode: episode.cycles,
        "judged_from_s": lambda episode: episode.judged_from_s,
        "mode": lambda episode: episode.mode,
        "activity": lambda episode: episode.activity,
        "head_motion": lambda episode: episode.head_motion,
        "idle_s": lambda episode: episode.idle_s,
        "windows": lambda episode: episode.windows,
        "damaged_s": lambda episode: episode.damaged_s,
        "kind": lambda episode: episode.kind,
        "closed_by": lambda episode: episode.closed_by,
        "outcome": lambda episode: episode.outcome,
        "reason": lambda episode: episode.reason.lower(),
        "annotator": lambda episode: episode.annotator,
        "worker": lambda episode: episode.worker,
        "clip": lambda episode: episode.clip,
        "words": lambda episode: "\n".join(_texts(episode)).lower(),
        "objects": lambda episode: [name.lower() for name in episode.objects],
    }
)
"""What a condition may name. Words are in lower case."""

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = MappingProxyType(
    {
        ast.Lt: operator.lt,
        ast.LtE: operator.le,
        ast.Gt: operator.gt,
        ast.GtE: operator.ge,
        ast.Eq: operator.eq,
        ast.NotEq: operator.ne,
        ast.In: lambda item, container: item in container,
        ast.NotIn: lambda item, container: item not in container,
    }
)
_LONGEST: Final = 2000
"""Characters of a condition."""


def parse_condition(text: str) -> Condition:
    """Parse a condition. A comparison with a value that an episode lacks is false.

    The grammar is a subset of Python's: names of ``FIELDS``, numbers, strings, lists of them, comparisons,
    ``in``, ``and``, ``or``, ``not`` and parentheses; nothing is evaluated as Python.

    Raises:
        UsageError: it is not such an expression, or names something else.
    """
    try:
        if len(text) > _LONGEST:
            raise _refused(text, f"it has more than {_LONGEST} characters")
        tree = ast.parse(text.strip(), mode="eval")
        value = _value(tree.body, text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _refused(text, "it is not an expression") from error
    if not isinstance(tree.body, ast.Compare | ast.BoolOp) and not _is_negation(tree.body):
        raise _refused(text, "it compares nothing")
    return lambda episode: bool(value(episode))


def _value(node: ast.expr, text: str) -> Value:
    match node:
        case ast.BoolOp() | ast.UnaryOp(op=ast.Not()) | ast.Compare():
            return _truth(node, text)
        case ast.List(elts=nodes) | ast.Tuple(elts=nodes):
            items = [_value(each, text) for each in nodes]
            return lambda episode: [item(episode) for item in items]
        case ast.Name(id=name) if name in FIELDS:
            return FIELDS[name]
        case ast.Name(id=name):
            raise _refused(text, f"{name} is not one of {', '.join(FIELDS)}")
        case _:
            constant = _constant(node, text)
            return lambda _: constant


def _truth(node: ast.BoolOp | ast.UnaryOp | ast.Compare, text: str) -> Value:
    match node:
        case ast.BoolOp(op=op, values=nodes):
            parts, combine = [_value(each, text) for each in nodes], all if isinstance(op, ast.And) else any
            return lambda episode: combine(part(episode) for part in parts)
        case ast.UnaryOp(operand=inner):
            negated = _value(inner, text)
            return lambda episode: not negated(episode)
        case ast.Compare(left=left, ops=ops, comparators=comparators):
            return _comparison([left, *comparators], ops, text)


def _constant(node: ast.expr, text: str) -> int | float | str:
    match node:
        case ast.Constant(value=int() | float() | str() as constant):
            return constant
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return -number
        case _:
            raise _refused(text, f"{ast.unparse(node)} is not allowed")


def _comparison(nodes: list[ast.expr], ops: list[ast.cmpop], text: str) -> Value:
    values = [_value(node, text) for node in nodes]
    tests = []
    for kind in map(type, ops):
        if kind not in _COMPARISONS:
            raise _refused(text, "it uses `is`, where == is meant")
        tests.append(_COMPARISONS[kind])

    def holds(episode: Episode) -> bool:
        known = [value(episode) for value in values]
        try:
            return None not in known and all(
                test(left, right) for test, left, right in zip(tests, known, known[1:], strict=False)
            )
        except TypeError as error:
            raise _refused(text, "it compares a number with a text") from error

    return holds


def _texts(episode: Episode) -> Iterator[str]:
    for action in episode.actions:
        yield from (action.subtask, action.scene, action.motion, action.prediction)
    yield from episode.objects


def _is_negation(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)


def _refused(text: str, why: str) -> UsageError:
    return UsageError(f"--where {text!r}: {why}; expected a condition such as: score_max > 0.12 and 'screw' in words")
