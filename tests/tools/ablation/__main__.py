"""Which encoder, and which mechanism of the detector, the result depends on.

python -m tests.tools.ablation CLIP ... --truth truth.json
"""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import click
from rich.console import Console

from stream.config import Options, validate
from stream.errors import EgocleanError, ModelUnavailableError, UsageError
from stream.evaluation.readers import read_json
from stream.evaluation.tables import PIPE_WIDTH
from stream.evaluation.track import Track
from stream.run.prepare import prepare
from tests.tools.ablation.compare import Subject, compare
from tests.tools.ablation.encoders import make_encoders
from tests.tools.ablation.record import record
from tests.tools.ablation.series import EmbeddingSeries
from tests.tools.ablation.stored import ENDINGS, read_embeddings, stem_of
from tests.tools.ablation.table import document, show
from tests.tools.ablation.variants import Variant, detector_variants, encoder_variants

_PATH = click.Path(path_type=Path)
_STORED = "embeddings"
"""What the variants call the one series of a file of embeddings."""


@click.command()
@click.argument("clips", metavar="CLIP...", nargs=-1, required=True)
@click.option("--truth", type=_PATH, required=True, help="What really happens, as truth.json.")
@click.option("--intrinsics", type=_PATH, help="Calibration.  [default: intrinsics.json beside each clip or its tar]")
@click.option("--rectify/--no-rectify", default=True, show_default=True, help="Undo the fisheye lens.")
@click.option("--encoder-model", metavar="NAME_OR_PATH", help="Weights of vjepa2: hub name or local folder.")
@click.option("--stride-s", default=1.0, show_default=True, help="From one window's start to the next, in videos.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object with every figure of every clip.")
def ablation(
    clips: tuple[str, ...],
    truth: Path,
    intrinsics: Path | None,
    rectify: bool,
    encoder_model: str | None,
    stride_s: float,
    as_json: bool,
) -> None:
    """Compare encoders and detector settings on CLIPs.

    CLIP is a video or shard.tar::member.mp4, which is decoded once for all encoders. Or it is a file of embeddings,
    with which only the detectors are compared: an NPZ with `embeddings` and perhaps `timestamps_s`, or an NPY, with
    <stem>_ts.npy beside <stem>_temb.npy. Without timestamps the windows are 1 s apart.
    """
    arguments = {
        "lens": {"intrinsics": intrinsics, "rectify": rectify},
        "encoder": {"name": "vjepa2" if encoder_model else "grid", "model": encoder_model},
        "window": {"stride_s": stride_s},
    }
    options = [validate({"source": clip, **arguments}) for clip in clips]
    console = Console(stderr=True)
    subjects, variants = _stored(options) if _are_stored(clips) else _played(options, console)
    results = compare(_with_truth(subjects, truth), variants, console)
    if as_json:
        click.echo(json.dumps(document(results), indent=1, allow_nan=False))
    else:
        show(results, Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH))


def _are_stored(clips: Sequence[str]) -> bool:
    """Whether the clips are files of embeddings.

    Raises:
        UsageError: some are and some are not.
    """
    stored = [clip for clip in clips if Path(clip).suffix.lower() in ENDINGS]
    if stored and len(stored) < len(clips):
        raise UsageError(f"{stored[0]} holds embeddings, and other clips are video: compare them apart")
    return bool(stored)


def _stored(options: Sequence[Options]) -> tuple[list[Subject], list[Variant]]:
    """Embeddings, on which only detectors can be compared."""
    if options[0].encoder.model is not None or options[0].lens.intrinsics is not None:
        raise UsageError("embeddings need no encoder and no lens: leave --encoder-model and --intrinsics out")
    paths = [Path(each.source) for each in options]
    subjects = [Subject(str(path), stem_of(path), partial(_only_series, path)) for path in paths]
    return subjects, detector_variants(_STORED)


def _only_series(path: Path) -> dict[str, EmbeddingSeries]:
    return {_STORED: read_embeddings(path)}


def _played(options: Sequence[Options], console: Console) -> tuple[list[Subject], list[Variant]]:
    """Videos; detectors are compared on vjepa2 where there are weights, else on grid."""
    clips = [prepare(each) for each in options]
    encoders = make_encoders(clips[0].options.encoder.model)
    subjects = [Subject(clip.source.name, clip.source.stem, partial(record, clip, encoders, console)) for clip in clips]
    default = "vjepa2" if "vjepa2" in encoders else "grid"
    return subjects, [*encoder_variants(encoders), *detector_variants(default)]


def _with_truth(subjects: Sequence[Subject], path: Path) -> list[tuple[Subject, Track]]:
    """Each clip with its truth: by name, or the only clip with a list that names none.

    Raises:
        InputError: the truth cannot be read.
        UsageError: a clip has no truth, or two clips have the same name.
    """
    stems = [subject.stem for subject in subjects]
    if len(set(stems)) < len(stems):
        raise UsageError(f"the clips are named {', '.join(stems)}: give each clip once, and no two of one name")
    tracks = {track.stem: track for track in read_json(path)}
    if None in tracks and len(subjects) == 1:
        return [(subjects[0], tracks[None])]
    missing = [stem for stem in stems if stem not in tracks]
    if missing:
        named = ", ".join(stem for stem in tracks if stem) or "one that it does not name"
        raise UsageError(f"{path} has no clip {', '.join(missing)}, only {named}")
    return [(subject, tracks[subject.stem]) for subject in subjects]


if __name__ == "__main__":
    try:
        ablation()
    except (EgocleanError, ModelUnavailableError) as error:
        sys.exit(str(error))
