"""What is known of a clip before anything is computed: its windows, who made them, what was told, what is true."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from exporters.figures.announced import Announced, read_announced
from exporters.figures.detection_plot import Span
from exporters.figures.windows import Windows, open_windows, stems
from stream.detection.options import DetectorOptions
from stream.errors import InputError, UsageError
from stream.evaluation.listed import read_json
from stream.evaluation.runs import holds_run
from stream.evaluation.track import anomalies_of
from stream.records.schema.layout import RunLayout


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip, of a run or of a bare folder."""

    windows: Windows
    encoder: str
    options: DetectorOptions
    announced: Announced | None
    """None for a bare folder: nobody was told anything."""
    truth: tuple[Span, ...] | None
    """The anomalous spans; None where nobody says them."""

    @property
    def stem(self) -> str:
        """Of all its files."""
        return self.windows.layout.stem

    @property
    def title(self) -> str:
        """The clip, and below it where its numbers come from."""
        count = len(self.windows.t_s)
        facts = [self.encoder, f"{count:,} window{'s' if count > 1 else ''}"]
        if self.windows.left_out:
            facts.append(f"{self.windows.left_out} left out (zero or not finite)")
        if self.announced and not self.announced.finished:
            facts.append("run not finished")
        return f"{self.stem}\n{', '.join(facts)}"

    @property
    def damaged(self) -> tuple[Span, ...]:
        """What was lost of the source."""
        lost = self.announced.damaged if self.announced else ()
        return tuple(Span(stretch.t_start_s, stretch.t_end_s) for stretch in lost)

    @property
    def t_end_s(self) -> float:
        """How far anything is known."""
        closed = self.announced.closed if self.announced else ()
        return max([self.windows.t_end_s, *(segment.t_end_s for segment in closed)])


def clips_in(folder: Path, truth: Path | None) -> Iterator[Clip]:
    """The one clip of a run directory, or every clip of a bare folder.

    Args:
        folder: either.
        truth: ``{stem: [segment, ...]}`` or one clip's list, which must know the clips; None for the truth.json
            beside the source, if there is one.

    Raises:
        InputError: there is no clip, or one cannot be read.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: expected a run directory, or a folder with <stem>_emb.npy")
    if holds_run(folder):
        yield _clip_of_run(folder, truth)
        return
    found = stems(folder)
    if not found:
        raise InputError(f"{folder} holds neither a run (events.jsonl) nor embeddings (<stem>_emb.npy)")
    for stem in found:
        windows = open_windows(RunLayout(folder, stem))
        true_spans = _true_spans(truth, folder / "truth.json", stem)
        yield Clip(windows, "encoder not recorded", DetectorOptions(), None, true_spans)


def _clip_of_run(folder: Path, truth: Path | None) -> Clip:
    announced = read_announced(folder)
    layout = RunLayout(folder, announced.stem)
    if not layout.timestamps.exists():
        raise InputError(f"{folder} holds no windows: the clip is shorter than one window, or the run has just begun")
    return Clip(
        open_windows(layout, growing=not announced.finished),
        announced.encoder,
        _options_of(announced),
        announced,
        _true_spans(truth, announced.source.with_name("truth.json"), announced.stem),
    )


def _options_of(announced: Announced) -> DetectorOptions:
    try:
        return DetectorOptions(**announced.detector)
    except (TypeError, UsageError) as error:
        raise InputError(
            f"run.json of {announced.stem}: the detector's options are not of this version: {error}"
        ) from error


def _true_spans(given: Path | None, beside: Path, stem: str) -> tuple[Span, ...] | None:
    """A file that was asked for must know the clip; one that happens to lie there need not."""
    if given is None and not beside.exists():
        return None
    tracks = {track.stem: track for track in read_json(given or beside)}
    track = tracks.get(stem, tracks.get(None))
    if track:
        return tuple(Span(event.t_start_s, event.t_end_s) for event in anomalies_of(track, None))
    if given is None:
        return None
    known = ", ".join(str(name) for name in tracks)
    raise InputError(f"{given} does not know the clip {stem}, only {known}")
