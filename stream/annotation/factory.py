"""Resolves the annotator that a run's options name, and loads it in the process where it works."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.annotators.annotator import Annotator
from models.annotators.context import Context
from models.annotators.spec import AnnotatorChoice
from models.annotators.table import annotator_spec, choose_annotator, context_of, make_annotator, vram_of
from models.memory.vram import Need
from models.weights.fetch import Report, unreported
from stream.config import Options
from stream.errors import UsageError
from stream.sources.address import redacted
from stream.sources.network import require_network


def settle(options: Options, *, allow_download: bool = True, report: Report = unreported) -> Options:
    """The options with the annotator's model settled: the folder of its weights, if it has any.

    ``report`` receives the progress of their download.

    Raises:
        ModelUnavailableError: its packages or weights are missing.
        UsageError: it cannot take an option, or the network is forbidden and its server is not on this machine.
    """
    if not options.annotator.enabled:
        return options
    if options.annotator.url is not None:
        require_network(f"--annotator-url {redacted(options.annotator.url)}", options.annotator.url)
    with _value_error_as_usage_error():
        choice = choose_annotator(_choice(options), allow_download=allow_download, report=report)
    return options.replace({"annotator.model": choice.model})


def make(options: Options) -> Annotator:
    """Make the annotator from what is on this machine.

    Raises:
        ModelUnavailableError: its packages or weights are missing.
        UsageError: it cannot take an option.
        MemoryError: it does not fit into the device's memory.
    """
    with _value_error_as_usage_error():
        return make_annotator(_choice(options))


def loading_key(options: Options) -> AnnotatorChoice | None:
    """What decides which model is loaded, and how; None if nothing is loaded: then a new one costs nothing."""
    choice = _choice(options)
    return choice if annotator_spec(choice.kind).has_weights else None


def vram_need(options: Options) -> Need | None:
    """GPU memory that the annotator needs; None without one, if it needs none, or while it is not settled.

    Raises:
        ModelUnavailableError: its configuration cannot be read.
    """
    return vram_of(_choice(options)) if options.annotator.enabled else None


def context_for(options: Options) -> Context:
    """How many tokens a request to the annotator may have, and what a frame costs.

    Raises:
        ModelUnavailableError: its configuration cannot be read.
    """
    return context_of(_choice(options))


def _choice(options: Options) -> AnnotatorChoice:
    annotator = options.annotator
    return AnnotatorChoice(
        kind=annotator.name,
        model=annotator.model,
        url=annotator.url,
        task=annotator.task,
        prompt=annotator.prompt,
        batch_max=annotator.batch,
        frames_max=annotator.frames,
        box_space=annotator.box_space,
        quantization=annotator.quantization,
        wait_s=annotator.wait_s,
        timeout_s=annotator.request_timeout_s,
        context_tokens=annotator.context,
        offline=options.runtime.offline,
        known_dialects=options.resolved.known_dialects,
        actions_max=options.resolved.actions_max,
    )


@contextmanager
def _value_error_as_usage_error() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error
