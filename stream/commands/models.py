"""``egoclean-stream models fetch``, ``list`` and ``export-onnx``: the weights that runs need, on this machine."""

from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console

from models.encoders.table import encoder_names, weights_of
from stream.commands.export_onnx import export_onnx
from stream.errors import printable

_ANNOTATORS = ("none", "qwen", "openai")


@click.group()
def models() -> None:
    """Fetch models before a run, list those that are here, and export them for other runtimes."""


models.add_command(export_onnx)


@models.command("fetch")
@click.option("--encoder", type=click.Choice(encoder_names()), default="auto", show_default=True, help="As for run.")
@click.option("--encoder-model", metavar="NAME", help="On the hub; NAME@REVISION names a branch, tag or commit.")
@click.option("--annotator", type=click.Choice(_ANNOTATORS), default="none", show_default=True, help="As for run.")
@click.option("--annotator-model", metavar="NAME", help="As --encoder-model.")
@click.option(
    "--revision",
    metavar="REVISION",
    help="For names that carry none.  [default: main]",
)
@click.option("--offline", is_flag=True, help="Ask nobody: only see that all is here.")
def fetch_models(
    encoder: str,
    encoder_model: str | None,
    annotator: str,
    annotator_model: str | None,
    revision: str | None,
    offline: bool,
) -> None:
    """Fetch the weights that a run with these options needs.

    They go into the hub's cache; a fetch that was broken off goes on where it was. Only configuration, tokenizer and
    safetensors come, each file checked against the hub's digest. The models that a run takes by itself are pinned to a
    commit; to have the same weights of another one tomorrow, give the NAME@COMMIT that is printed to `run`. A token is
    read from HF_TOKEN or HF_KEY, also in `.env`, and sent to the hub alone.
    """
    for name in _needed(encoder, encoder_model, annotator, annotator_model):
        click.echo(printable(_fetched(name, revision, offline=offline)))


@models.command("list")
def list_models() -> None:
    """List the models in the hub's cache: NAME@COMMIT, its branches, its size, whether it is whole."""
    from models.packages import require_packages
    from models.weights.hub.cached import cached_models
    from stream.doctor.check import size

    require_packages(("huggingface_hub",), extra="hub")
    found = cached_models()
    for model in found:
        revisions = ", ".join(model.revisions) or "-"
        whole = "whole" if model.fault is None else f"not whole: {model.fault}"
        click.echo(printable(f"{model.name}@{model.commit}  {revisions}  {size(model.size_bytes)}  {whole}"))


def _needed(encoder: str, encoder_model: str | None, annotator: str, annotator_model: str | None) -> Iterator[str]:
    """Names of the models that a run would load."""
    from models.annotators.qwen import loading as qwen

    if (weights := weights_of(encoder, encoder_model)) is not None:
        yield str(weights)
    if annotator == "qwen":
        yield annotator_model or qwen.HUB_NAME


def _fetched(wanted: str, revision: str | None, *, offline: bool) -> str:
    """Fetch one model; what came of it, in a line."""
    from models.packages import require_packages
    from models.weights.weights import cached, fetched, identity, split_revision, weight_files
    from stream.ui.progress import fetch_progress

    if (folder := Path(wanted).expanduser()).is_dir():
        weight_files(folder)
        return f"{wanted} is a folder on this machine: nothing to fetch"
    require_packages(("huggingface_hub",), extra="hub")
    name, named_revision = split_revision(wanted)
    if offline:
        folder = cached(name, named_revision or revision)
    else:
        with fetch_progress(Console(), name) as report:
            folder = fetched(name, named_revision or revision, report)
    return f"{'@'.join(identity(folder))} is whole, in {folder}"
