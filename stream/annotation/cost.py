"""The cost of a response: its tokens at their price, or else the machine's time.

A model on this machine takes the machine's time, which ``--price-per-hour`` is for. The price of a server elsewhere is
not known: without ``--annotator-price-in`` or ``--annotator-price-out`` its dollars are null.
"""

from ipaddress import ip_address
from typing import Final, TypedDict
from urllib.parse import urlsplit

from models.annotators.annotator import AnnotationResponse
from stream.config import Options

_TOKENS_PRICED: Final = 1_000_000


class Cost(TypedDict):
    """The fields of the events that hold a cost."""

    tokens_in: int
    tokens_out: int
    seconds: float
    dollars: float | None


def cost_of(response: AnnotationResponse, options: Options) -> Cost:
    """The cost of one response; a failure costs as much as it took."""
    return Cost(
        tokens_in=response.tokens_in,
        tokens_out=response.tokens_out,
        seconds=round(response.seconds, 6),
        dollars=_dollars(response, options),
    )


def _dollars(response: AnnotationResponse, options: Options) -> float | None:
    prices = options.annotator.price_in, options.annotator.price_out
    if any(price is not None for price in prices):
        dollars = response.tokens_in * (prices[0] or 0.0) + response.tokens_out * (prices[1] or 0.0)
        return round(dollars / _TOKENS_PRICED, 9)
    took_nothing = not (response.tokens_in or response.tokens_out or response.seconds)
    if is_local(options.annotator.url) or took_nothing:
        # A server works for all runs of the command at once; the seconds of a model of our own are for one segment.
        sharers = options.resolved.runs_at_once if options.annotator.url else 1
        return round(response.seconds / 3600 * options.machine.price_per_hour / sharers, 9)
    return None


def is_local(url: str | None) -> bool:
    """Whether the model runs on this machine, which is the case if it has no URL."""
    host = "localhost" if url is None else urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
