"""The annotator that a run's options name: settled before the run begins, made in the process where it works."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from models.annotators.annotator import Annotator
from models.weights.fetch import Report, unreported
from stream.config import Options
from stream.errors import UsageError

if TYPE_CHECKING:
    from models.annotators.table import AnnotatorChoice


def settled(options: Options, *, allow_download: bool = True, report: Report = unreported) -> Options:
    """The options with the annotator's model made definite: a folder, where it has weights.

    ``report`` hears how far their fetching is.

    Raises:
        ModelUnavailableError: its packages or weights are not there.
        UsageError: it cannot do what was asked for.
    """
    if options.annotator.name == "none":
        return options
    from models.annotators.table import choose_annotator

    with _told_as_ours():
        choice = choose_annotator(_choice(options), allow_download=allow_download, report=report)
    return options.replace({"annotator.model": choice.model})


def make(options: Options) -> Annotator:
    """Make the annotator from what is on this machine.

    Raises:
        ModelUnavailableError: its packages or weights are not there.
        UsageError: it cannot do what was asked for.
        MemoryError: it does not fit into the device's memory.
    """
    from models.annotators.table import make_annotator

    with _told_as_ours():
        return make_annotator(_choice(options))


def _choice(options: Options) -> "AnnotatorChoice":
    from models.annotators.table import AnnotatorChoice

    return AnnotatorChoice(
        kind=options.annotator.name,
        model=options.annotator.model,
        url=options.annotator.url,
        task=options.annotator.task,
        batch_max=options.annotator.batch,
        frames_max=options.annotator.frames,
        quantization=options.annotator.quantization,
        wait_s=options.annotator.connect_timeout_s,
        timeout_s=options.annotator.request_timeout_s,
    )


@contextmanager
def _told_as_ours() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise UsageError(str(error)) from error
