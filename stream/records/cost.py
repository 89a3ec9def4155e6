"""The cost of descriptions, summed up."""

from collections.abc import Sequence

from stream.records.schema.events import Annotation, Request


def cost_of(requests: Sequence[Request]) -> Annotation:
    """The cost of these requests."""
    return Annotation(
        tokens_in=sum(event.tokens_in for event in requests),
        tokens_out=sum(event.tokens_out for event in requests),
        seconds=round(sum(event.seconds for event in requests), 6),
        dollars=_sum_if_known([event.dollars for event in requests]),
    )


def _sum_if_known(dollars: Sequence[float | None]) -> float | None:
    known = [each for each in dollars if each is not None]
    return round(sum(known), 9) if len(known) == len(dollars) else None
