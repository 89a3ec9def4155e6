"""Lengths of time, amounts and untrusted names as the report's text."""

import json
from collections.abc import Iterator, Mapping
from typing import Any


def duration(seconds: float) -> str:
    """A length of time to three figures or so: ``42 s``, ``3 min 10 s``, ``8 h 5 min``."""
    if seconds < 60:
        return f"{seconds:.3g} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 3600:
        return "{} min {} s".format(*divmod(round(seconds), 60))
    return "{} h {} min".format(*divmod(round(seconds / 60), 60))


def dollars(amount: float | None) -> str:
    """An amount of money; small ones to two figures, an unknown one in words."""
    if amount is None:
        return "unknown"
    if amount == 0 or amount >= 1:
        return f"${amount:,.2f}"
    return f"${amount:.2f}" if amount >= 0.1 else f"${float(f'{amount:.2g}'):.6f}".rstrip("0")


def safe(text: str) -> str:
    """Text that UTF-8 can hold: half surrogate pairs, as in names of files that are no UTF-8, become ``?``."""
    return text.encode("utf-8", "replace").decode()


def rows_of(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of nested JSON objects, as dotted names with their values; empty ones are left out."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from rows_of(value, f"{prefix}{name}.")
        elif value not in (None, "", [], {}):
            yield safe(f"{prefix}{name}"), safe(_value(value))


def _value(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.6g}"
        case int() | str():
            return str(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
