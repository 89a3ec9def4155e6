"""What an answer costs: its tokens at the price that is given for them, else the machine's time.

A model on this machine takes its time, which ``--price-per-hour`` is for. What a server elsewhere takes for its tokens
is not known here: without ``--annotator-price-in`` or ``-out`` its dollars are null.
"""

from ipaddress import ip_address
from typing import Final, TypedDict
from urllib.parse import urlsplit

from stream.annotation.client import Said
from stream.config import Options

_TOKENS_PRICED: Final = 1_000_000


class Price(TypedDict):
    """As the events have it."""

    tokens_in: int
    tokens_out: int
    seconds: float
    dollars: float | None


def price(said: Said, options: Options) -> Price:
    """Of one answer, or of a failure that took as much."""
    return Price(
        tokens_in=said.tokens_in,
        tokens_out=said.tokens_out,
        seconds=round(said.seconds, 6),
        dollars=_dollars(said, options),
    )


def _dollars(said: Said, options: Options) -> float | None:
    per_token = options.annotator.price_in, options.annotator.price_out
    if any(each is not None for each in per_token):
        dollars = said.tokens_in * (per_token[0] or 0.0) + said.tokens_out * (per_token[1] or 0.0)
        return round(dollars / _TOKENS_PRICED, 9)
    if is_here(options.annotator.url) or not (said.tokens_in or said.tokens_out or said.seconds):
        return round(said.seconds / 3600 * options.machine.price_per_hour, 9)
    return None


def is_here(url: str | None) -> bool:
    """Whether the model works on this machine; it does where it has no address."""
    host = "localhost" if url is None else urlsplit(url).hostname or ""
    try:
        address = ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
    return address.is_loopback or address.is_unspecified
