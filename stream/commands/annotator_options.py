"""The annotator's options on a command line, the same for every command that describes segments."""

from collections.abc import Callable
from typing import TypeVar

import click

from stream.commands.option import option

T = TypeVar("T")

_OPTIONS = (
    option("--annotator", type=click.Choice(["none", "qwen", "openai"]), help="What describes the segments."),
    option("--annotator-model", metavar="NAME_OR_PATH", help="Hub name, local folder, or the server's name for it."),
    option("--annotator-url", metavar="URL", help="Of an OpenAI-compatible server, as http://localhost:8000/v1."),
    option("--annotator-wait-s", type=float, help="How long that server may be away."),
    option("--annotator-timeout-s", type=float, help="How long one answer of that server may take."),
    option("--annotator-batch", type=int, help="The most segments asked about at once.  [default: what fits]"),
    option("--annotator-latency-s", type=float, help="The longest that a segment waits for others to go with."),
    option("--annotator-frames", type=int, help="The most keyframes of a segment that are shown."),
    option("--annotator-price-in", type=float, help="Dollars for a million tokens that it reads, for the record."),
    option("--annotator-price-out", type=float, help="The same for those that it writes."),
    option("--annotator-quantization", type=click.Choice(["none", "4bit"]), help="Of the weights, on the GPU."),
    option("--annotator-hint/--no-annotator-hint", help="Tell the annotator what the detector found."),
    option("--task", metavar="WORDS", help="What the worker is doing, for the annotator."),
    option("--annotate", type=click.Choice(["all", "anomalous", "novel"]), help="Which segments are described."),
    option(
        "--novelty", type=float, help="With novel: leave out typical segments as similar as this to a described one."
    ),
)


def annotator_options(command: Callable[..., T]) -> Callable[..., T]:
    """Give a click command the annotator's options, by the names of the fields of ``Options``."""
    for each in reversed(_OPTIONS):
        command = each(command)
    return command
