"""Events of a run, as tests compare them."""

from dataclasses import asdict

from stream.records.schema.events import Event


def without(event: Event, *names: str) -> dict[str, object]:
    """The fields of an event but these."""
    return {name: value for name, value in asdict(event).items() if name not in names}
