"""``egoclean-stream models fetch``, ``list`` and ``export-onnx``: the weights that runs need."""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

from models.annotators import table as annotators
from models.encoders import table as encoders
from stream.commands.command import BY_SIGNAL, command
from stream.commands.export_onnx import export_onnx
from stream.commands.groups import CommandGroup
from stream.commands.option import own_option
from stream.commands.options import Chosen, run_options
from stream.errors import ExitCode
from stream.ui.standard_streams import echo

if TYPE_CHECKING:
    from models.weights.hub_cache import CachedModel

_CODES = (
    ExitCode.DONE, ExitCode.USAGE, ExitCode.MODEL_MISSING, ExitCode.NO_ROOM, ExitCode.INTERNAL, *BY_SIGNAL,
)  # fmt: skip


class _Models(CommandGroup):
    """The commands, in the order in which they are used."""

    examples = (
        ("Download the weights before a run", "models fetch --encoder vjepa2"),
        ("What is on this machine", "models list"),
    )

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's
        return ["fetch", "list", "export-onnx"]


@click.group(cls=_Models)
def models() -> None:
    """Download models before a run, list those on this machine, and export them for other runtimes."""


models.add_command(export_onnx)


@command(
    "fetch",
    examples=(
        ("Download what a plain run needs", "models fetch"),
        ("And the annotator's weights", "models fetch --annotator qwen"),
    ),
    exit_codes=_CODES,
    never_waits=True,
)
@run_options("encoder.name", "encoder.model", "annotator.name", "annotator.model", "runtime.offline")
@own_option("--revision", metavar="REVISION", show_default="main", help="Revision of models whose name has none.")
def fetch_models(chosen: Chosen, revision: str | None) -> None:
    """Download the weights that a run with these options needs.

    They are stored in Hugging Face's cache; files that an interrupted download has completed are not downloaded again.
    Only configuration, tokenizer and safetensors files are fetched, and each is verified against its digest. The
    default models are pinned to a commit. To pin another model, pass the NAME@COMMIT that this command prints to `run`.
    A token is read from HF_TOKEN or HF_KEY, also in `.env`, and is sent to Hugging Face only. With --offline, nothing
    is downloaded: the command only checks that the files are complete.
    """
    options = chosen.options("-")
    encoder, annotator = options.encoder, options.annotator
    kind = encoders.selected(encoder.name, encoder.model)
    names = list(_needed(kind, encoder.model, annotator.name, annotator.model))
    if not names:
        why = f" ({encoders.WHY_NOT_AUTO})" if kind != encoder.name else ""
        echo(f"encoder {kind}{why} and annotator {annotator.name} have no weights: nothing to download")
    for name in names:
        echo(_fetched(name, revision, offline=options.runtime.offline))


@command("list", examples=(("What is on this machine", "models list"),), exit_codes=_CODES)
def list_models() -> None:
    """List the models in Hugging Face's cache: NAME@COMMIT, its branches, its size, and whether it is complete."""
    from stream.doctor.check import size

    found = _cached_models()
    if not found:
        echo("no model is in Hugging Face's cache: `egoclean-stream models fetch` downloads those that a run needs")
    for model in found:
        revisions = ", ".join(model.revisions) or "-"
        whole = "complete" if model.fault is None else f"incomplete: {model.fault}"
        echo(f"{model.name}@{model.commit}  {revisions}  {size(model.size_bytes)}  {whole}")


def _cached_models() -> "Sequence[CachedModel]":
    """The models in the cache; none where its client is not installed, since no other program of ours fills it."""
    if find_spec("huggingface_hub") is None:
        return ()
    from models.weights.hub_cache import cached_models

    return cached_models()


models.add_command(fetch_models)
models.add_command(list_models)


def _needed(encoder: str, encoder_model: str | None, annotator: str, annotator_model: str | None) -> Iterator[str]:
    """Names of the models that a run would load."""
    if (weights := encoders.weights_of(encoder, encoder_model)) is not None:
        yield str(weights)
    if annotator != annotators.NO_ANNOTATOR:
        name = annotators.weights_of(annotator, annotator_model)
        yield from () if name is None else (name,)


def _fetched(wanted: str, revision: str | None, *, offline: bool) -> str:
    """Fetch one model; what came of it, in a line."""
    from models.packages import require_packages
    from models.weights.weights import cached, fetched, identity, split_revision, weight_files
    from stream.ui.progress import fetch_progress

    if (folder := Path(wanted).expanduser()).is_dir():
        weight_files(folder)
        return f"{wanted} is a local folder: nothing to download"
    require_packages(("huggingface_hub",), extra="hub")
    name, named_revision = split_revision(wanted)
    if offline:
        folder = cached(name, named_revision or revision)
    else:
        with fetch_progress(Console(), name) as report:
            folder = fetched(name, named_revision or revision, report)
    return f"{'@'.join(identity(folder))} is complete, in {folder}"
