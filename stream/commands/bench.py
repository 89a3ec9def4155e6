"""``egoclean-stream bench``: what an hour of video costs on this machine."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, get_args

import click
from rich.console import Console

from models.encoders.spec import RandomSize
from models.encoders.table import AUTO, ENCODERS, WEIGHTLESS, are_packages_installed
from stream.commands.annotator_options import annotator_options
from stream.commands.encoder_options import encoder_options, window_options
from stream.commands.lens_options import lens_options
from stream.commands.option import option
from stream.commands.run import FILE, make_options
from stream.config import Options
from stream.detection.options import DetectorOptions
from stream.errors import UsageError

T = TypeVar("T")

_RANDOM = get_args(RandomSize)


class _Bench(click.Group):
    """Without a command the words belong to ``chain``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in {*self.commands, "--help"}:
            args = ["chain", *args]
        return super().parse_args(ctx, args)


def _common(weights: str | None, seconds: float) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """The options of both commands; ``weights`` and ``seconds`` are the defaults of those two."""
    options = (
        click.argument("clip", required=False),
        lens_options,
        click.option("--rectify/--no-rectify", default=True, show_default=True, help="Undo the fisheye lens."),
        click.option(
            "--size",
            type=click.Choice(["456x256", "1080p"]),
            default="456x256",
            show_default=True,
            help="Of the clip that is rendered where no CLIP is named.",
        ),
        click.option(
            "--seconds",
            type=click.FloatRange(3.0),
            default=seconds,
            show_default=True,
            help="Its length.",
        ),
        option("--encoder-model", metavar="NAME_OR_PATH", help="Hub name or local folder of the encoder's weights."),
        click.option(
            "--weights",
            type=click.Choice(["real", *_RANDOM]),
            default=weights,
            show_default=weights or "random on a GPU where no encoder is named, else real",
            help="Random ones cost the same and say nothing: ViT-L, or a model that a CPU can bear.",
        ),
        option("--decoder", type=click.Choice(["auto", "cpu", "nvdec"]), help="As for run."),
        option("--price-per-hour", type=float, help="Of this machine, dollars."),
        option("--vram-budget-gib", type=float, help="GPU memory for all models together."),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--out", type=FILE, help="Write that JSON there, too."),
    )

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


@click.group(cls=_Bench)
def bench() -> None:
    """Measure what an hour of video costs here.

    `bench [CLIP]` is short for `bench chain [CLIP]`: the real chain with all its processes, stage by stage, in
    dollars a video hour, and a projection to an RTX 3090. `bench compare` sets the usual sequential way beside it.
    """


@bench.command()
@_common(None, 60.0)
@encoder_options
@annotator_options
@click.option(
    "--encoder",
    type=click.Choice(list(ENCODERS)),
    help=f"[default: {WEIGHTLESS}; {AUTO} if weights are named, or on a GPU]",
)
def chain(encoder: str | None, weights: str | None, *, as_json: bool, out: Path | None, **given: Any) -> None:  # noqa: ANN401 - click's
    """Run the chain on CLIP, or on a rendered clip; with --annotator the price of its words is in it."""
    from stream.bench.measure import measure
    from stream.run.prepare import prepare

    encoder, weights = settled(encoder, weights, given["encoder_model"])
    with _prepared(encoder=encoder, weights=weights, **given) as (options, _):
        _tell(measure(prepare(options)), out, as_json=as_json)


@bench.command()
@_common("random-small", 20.0)
@window_options
def compare(*, as_json: bool, out: Path | None, **given: Any) -> None:  # noqa: ANN401 - as above
    """Run the chain and the naive way on the same clip.

    The naive way: whole frames to RGB, whole frames rectified, and one window at a time, the same as the chain's,
    through transformers' video processor and the whole model. That processor crops; there is no other geometry here.
    """
    from stream.bench.compare import compare as measure_both

    with _prepared(encoder=AUTO, **given) as (options, folder):
        _tell(measure_both(options, folder), out, as_json=as_json)


def settled(encoder: str | None, weights: str | None, model: str | None) -> tuple[str, str]:
    """Encoder and weights of a bench that may name neither: a GPU's price is that of the encoder it is there for."""
    if (encoder, weights, model) == (None, None, None) and _can_run(AUTO):
        return AUTO, "random"
    return encoder or (AUTO if weights in _RANDOM or model else WEIGHTLESS), weights or "real"


def _can_run(encoder: str) -> bool:
    """Whether this machine has a GPU and the packages of an encoder."""
    from models.memory.gpu import find_gpu

    return are_packages_installed(encoder) and find_gpu() is not None


@contextmanager
def _prepared(
    *,
    clip: str | None,
    size: str,
    seconds: float,
    weights: str,
    **given: Any,  # noqa: ANN401 - as above
) -> Iterator[tuple[Options, Path]]:
    """Options of a run in a temporary folder, and that folder: with a rendered clip and random weights, if wanted."""
    encoder = given["encoder"]
    if not ENCODERS[encoder].has_weights and (weights in _RANDOM or given["encoder_model"]):
        raise UsageError(f"--encoder {encoder} has no weights: leave out --weights {weights} and --encoder-model")
    with tempfile.TemporaryDirectory(prefix="egoclean-bench-") as name:
        folder = Path(name)
        if weights in _RANDOM:
            given["encoder_model"] = str(_random_weights(encoder, folder / weights, weights))
        if clip is None:
            clip = str(_rendered(folder, size, seconds))
        yield make_options(DetectorOptions(), {**given, "source": clip, "out": folder / "runs"}), folder


def _random_weights(encoder: str, folder: Path, size: Any) -> Path:  # noqa: ANN401 - one of _RANDOM, which click has checked

    save_random = ENCODERS[encoder].save_random
    if save_random is None:
        raise UsageError(f"--encoder {encoder} has no random weights: leave out --weights {size}")
    click.echo(f"making {size} weights", err=True)
    return save_random(folder, size)


def _rendered(folder: Path, size: str, seconds: float) -> Path:
    from stream.bench.clips import bench_clip

    click.echo(f"rendering a clip of {seconds:g} s at {size}", err=True)
    return bench_clip(folder, size, seconds)


def _tell(measured: dict[str, Any], out: Path | None, *, as_json: bool) -> None:
    from stream.bench.tables import show

    text = json.dumps(measured, indent=1)
    if out is not None:
        out.write_text(text + "\n")
    if as_json:
        click.echo(text)
    else:
        show(measured, Console())
