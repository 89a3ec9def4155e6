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
from stream.alignment.viewpoint import DIRECTIONS, Trajectory, moved
from stream.commands.command import ALL_CODES, command
from stream.commands.groups import ImpliedGroup
from stream.commands.option import own_option
from stream.commands.options import LENS_PATHS, Chosen, run_options
from stream.commands.values import Choice, ClipName, PathName, Real, Whole
from stream.config import Options
from stream.errors import UsageError
from stream.ui.standard_streams import echo

T = TypeVar("T")

_RANDOM = get_args(RandomSize)


class _Bench(ImpliedGroup):
    """A group whose arguments belong to ``chain`` where no command is named."""

    implied = "chain"
    examples = (
        ("Measure a rendered clip, without weights", "bench --encoder grid"),
        ("Measure a clip of your own", "bench clip.mp4 --encoder vjepa2"),
        ("Compare with the usual sequential pipeline", "bench compare"),
    )

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ([] if ctx.resilient_parsing else [self.implied]))


def _common(weights: str | None, seconds: float) -> Callable[[Callable[..., T]], Callable[..., T]]:
    """The options of both commands; ``weights`` and ``seconds`` are the defaults of those two."""
    options = (
        click.argument("clip", required=False, type=ClipName()),
        own_option(
            "--size",
            type=Choice(["456x256", "1080p"]),
            default="456x256",
            show_default=True,
            help="Size of the clip that is rendered if no CLIP is named.",
        ),
        own_option(
            "--seconds", type=Real(3.0, 3600.0), default=seconds, show_default=True, help="Length of that clip."
        ),
        own_option(
            "--weights",
            type=Choice(["real", *_RANDOM]),
            default=weights,
            show_default=weights or "random on a GPU if no encoder is named, else real",
            help="Random weights cost the same as real ones: those of ViT-L, or of a model small enough for a CPU.",
        ),
        own_option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        own_option("-o", "--out", type=PathName(), metavar="FILE", help="Also write that JSON to FILE."),
    )

    def decorate(command: Callable[..., T]) -> Callable[..., T]:
        for each in reversed(options):
            command = each(command)
        return command

    return decorate


@click.group(cls=_Bench)
def bench() -> None:
    """Measure what an hour of video costs on this machine.

    `bench [CLIP]` is short for `bench chain [CLIP]`, which measures the real chain with all its processes, stage by
    stage, in dollars per hour of video, and projects the result to an RTX 3090. `bench compare` measures the usual
    sequential pipeline beside it. `bench align` measures how well pictures are warped into a robot's camera.
    """


_LENS = (*LENS_PATHS, "lens.rectify")
_MACHINE = ("input.decoder", "machine.price_per_hour", "machine.vram_budget_gib", "runtime.offline")


@command(
    examples=(
        ("Measure a rendered clip of a minute", "bench chain --encoder grid"),
        ("Measure the full encoder without its weights", "bench chain --encoder vjepa2 --weights random"),
    ),
    exit_codes=ALL_CODES,
    never_waits=True,
)
@_common(None, 60.0)
@run_options(*_LENS, "encoder", "window", "annotator", *_MACHINE)
def chain(chosen: Chosen, weights: str | None, *, as_json: bool, out: Path | None, **clip: Any) -> None:  # noqa: ANN401 - of the clip
    """Measure the chain on CLIP, or on a rendered clip.

    With --annotator, the price of the descriptions is included. Without --encoder, the default encoder is
    measured if weights are named or there is a GPU, otherwise the one that needs no weights.
    """
    from stream.bench.measure import measure
    from stream.bench.tables import show
    from stream.run.prepare import prepare

    encoder_name = chosen.values.get("encoder.name")
    named = None if encoder_name == "auto" else encoder_name
    encoder, weights = settled(named, weights, chosen.values.get("encoder.model"))
    with _prepared(chosen, encoder=encoder, weights=weights, **clip) as (options, _):
        _tell(measure(prepare(options)), out, show, as_json=as_json)


@command(
    examples=(("Compare on a rendered clip, with a small model", "bench compare"),),
    exit_codes=ALL_CODES,
    never_waits=True,
)
@_common("random-small", 20.0)
@run_options(*_LENS, "encoder.model", "encoder.batch", "encoder.max_wait_s", "window", *_MACHINE)
def compare(chosen: Chosen, *, as_json: bool, out: Path | None, **clip: Any) -> None:  # noqa: ANN401 - as above
    """Measure the chain and the usual sequential pipeline on the same clip.

    The sequential pipeline converts whole frames to RGB, rectifies whole frames, and passes the same windows, one at
    a time, through transformers' video processor and the whole model. That processor crops to the centre.
    """
    from stream.bench.compare import compare as measure_both
    from stream.bench.tables import show

    with _prepared(chosen, encoder=AUTO, **clip) as (options, folder):
        _tell(measure_both(options, folder), out, show, as_json=as_json)


@command(
    examples=(
        ("Measure the warp 7 cm down", "bench align"),
        ("Measure another motion, at another size", "bench align --size 1280x720 --trajectory forward"),
    ),
    exit_codes=ALL_CODES,
    never_waits=True,
)
@own_option(
    "--size",
    type=Choice(["640x360", "1280x720"]),
    default="640x360",
    show_default=True,
    help="Size of the pictures.",
)
@own_option(
    "--trajectory",
    type=Choice(list(DIRECTIONS)),
    default="down",
    show_default=True,
    help="Where the robot's camera is, seen from the head camera.",
)
@own_option(
    "--movement-distance",
    "movement_distance_m",
    type=Real(-1.0, 1.0),
    default=0.07,
    show_default=True,
    help="How far away it is, in metres.",
)
@own_option(
    "--seed",
    type=Whole(0, 2**31 - 1),
    default=0,
    show_default=True,
    help="Chooses sizes, places and colours of things.",
)
@own_option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@own_option("-o", "--out", type=PathName(), metavar="FILE", help="Also write that JSON to FILE.")
def align(
    *, size: str, trajectory: Trajectory, movement_distance_m: float, seed: int, as_json: bool, out: Path | None
) -> None:
    """Measure the warp into a robot's camera on scenes of which every pixel is known.

    A plain soft splat is measured beside it, in one thread, with exact depth and with depth that is blurred as a
    network blurs it.
    """
    from stream.bench.alignment.measure import measure_warps
    from stream.bench.alignment.table import show

    width_px, height_px = (int(side) for side in size.split("x"))
    measured = measure_warps((width_px, height_px), moved(trajectory, movement_distance_m).target_from_source, seed)
    _tell(measured, out, show, as_json=as_json)


bench.add_command(chain)
bench.add_command(compare)
bench.add_command(align)


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
    chosen: Chosen, *, encoder: str, weights: str, clip: str | None, size: str, seconds: float
) -> Iterator[tuple[Options, Path]]:
    """Options of a run in a temporary folder, and that folder: with a rendered clip and random weights, if wanted."""
    if not ENCODERS[encoder].has_weights and (weights in _RANDOM or chosen.values.get("encoder.model")):
        raise UsageError(f"--encoder {encoder} has no weights: omit --weights {weights} and --encoder-model")
    with tempfile.TemporaryDirectory(prefix="egoclean-bench-") as name:
        folder = Path(name)
        changes: dict[str, object] = {"encoder.name": encoder, "output.folder": folder / "runs"}
        chosen.options(clip or "-", changes)
        if weights in _RANDOM:
            changes["encoder.model"] = str(_random_weights(encoder, folder / weights, weights))
        yield chosen.options(clip or str(_rendered(folder, size, seconds)), changes), folder


def _random_weights(encoder: str, folder: Path, size: Any) -> Path:  # noqa: ANN401 - one of _RANDOM, which click has checked

    save_random = ENCODERS[encoder].save_random
    if save_random is None:
        raise UsageError(f"--encoder {encoder} has no random weights: omit --weights {size}")
    echo(f"making {size} weights", err=True)
    return save_random(folder, size)


def _rendered(folder: Path, size: str, seconds: float) -> Path:
    from stream.bench.clips import bench_clip

    echo(f"rendering a clip of {seconds:g} s at {size}", err=True)
    return bench_clip(folder, size, seconds)


def _tell(
    measured: dict[str, Any], out: Path | None, show: Callable[[dict[str, Any], Console], None], *, as_json: bool
) -> None:
    text = json.dumps(measured, indent=1)
    if out is not None:
        out.write_text(text + "\n")
    if as_json:
        click.echo(text)
    else:
        show(measured, Console())
