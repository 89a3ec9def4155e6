"""ARCHITECTURE.md says what adds an encoder, annotator, stage, exporter, source, lens model or calibration format.

With one module and one line: each test adds a toy, written here as its module would be, by one line in the table that
ARCHITECTURE.md names, and runs a clip with it. Nothing else is touched.
"""

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Literal

import numpy as np
import pytest
from rich.console import Console

import exporters.table
import models.annotators.table
import models.encoders.table
import stream.geometry.calibrations.table
import stream.geometry.lenses.table
import stream.runtime.processes
import stream.sources.table
from exporters.dataset.data_set import DataSet
from exporters.run_view import RunView, view_run
from exporters.table import EXPORTERS, Exporter, Format
from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest
from models.annotators.spec import AnnotatorSpec
from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import ClipEmbedding, EncoderFacts, UInt8, check_window
from models.encoders.spec import EncoderProfile, EncoderSpec
from stream.config import Options
from stream.engines.table import run_prepared
from stream.errors import ExitCode, IntrinsicsError, UsageError
from stream.geometry.calibrations.document import Document
from stream.geometry.calibrations.table import FORMATS
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.pinhole import Pinhole
from stream.geometry.lenses.table import LENSES, intrinsics_of
from stream.pipeline.items import Embedding, Float32, Float64, Item
from stream.pipeline.stage import Stage
from stream.run.prepare import prepare
from stream.runtime.process_spec import ProcessSpec, Work, WorkContext
from stream.runtime.processes import PROCESSES
from stream.sources.clip import open_file
from stream.sources.live.options import LiveOptions
from stream.sources.source import Source
from stream.ui.view import PlainView
from tests.support.clips import make_clip
from tests.support.fake_annotators import answer_to
from tests.support.inline import run_here
from tests.support.runs import manifest

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


def is_named_for(what: str, table: ModuleType) -> bool:
    """Whether ARCHITECTURE.md's row "add ``what``" names this module as the place of the line."""
    path = table.__name__.replace(".", "/") + ".py"
    (row,) = [line for line in ARCHITECTURE.read_text().splitlines() if line.startswith(f"| add {what}")]
    return f"`{path}`" in row


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds, which is three windows."""
    return make_clip(tmp_path / "clip.mp4", frames=125)


def run(source: str | Path, out: Path, **options: object) -> Path:
    """Run a clip by the inline engine, and return its run directory."""
    chosen = {"lens.rectify": False, "encoder.name": "grid", "output.folder": out, "runtime.engine": "inline"}
    prepared = prepare(Options(source=str(source)).replace({**chosen, **options}))
    assert run_prepared(prepared, PlainView(Console(file=io.StringIO()))) == ExitCode.DONE
    return out / prepared.source.stem


class ToyEncoder:
    """The mean colour of each tubelet."""

    name = "toy-v1"
    encoder_px = 32

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def facts(self) -> EncoderFacts:
        return {"model": self.name, "weights_sha256": "none", "device": "cpu", "frames": self.frames, "dims": 3}

    def encode(self, window: UInt8) -> ClipEmbedding:
        check_window(window, self.frames, self.encoder_px)
        tokens = window.reshape(self.frames // 2, -1, 3).mean(axis=1, dtype=np.float32)
        return ClipEmbedding(tokens.mean(axis=0), tokens.astype(np.float16))

    def frame_store(self) -> CpuFrameStore:
        return CpuFrameStore.one_by_one(self)


TOY_ENCODER = EncoderSpec(
    load=lambda _folder, frames: ToyEncoder(frames), profile=lambda *_: EncoderProfile(dims=3, encoder_px=32)
)


def test_an_encoder(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is made by the toy, at its frame size, and its record and arrays are the toy's."""
    assert is_named_for("an encoder", models.encoders.table)
    with pytest.raises(UsageError, match="there is no encoder 'toy': expected one of auto, grid, vjepa2"):
        run(clip, tmp_path / "runs", **{"encoder.name": "toy"})
    monkeypatch.setitem(models.encoders.table.ENCODERS, "toy", TOY_ENCODER)
    folder = run(clip, tmp_path / "runs", **{"encoder.name": "toy"})
    assert manifest(folder)["encoder"]["model"] == "toy-v1"
    assert np.load(folder / "clip_emb.npy").shape == (3, 3)
    assert np.load(folder / "clip_temb.npy").shape == (3, 32, 3)


class ToyAnnotator:
    """Says the same of every segment."""

    batch_max = 4

    def facts(self) -> EncoderFacts:
        return {"model": "toy-v1"}

    def annotate(self, requests: Sequence[AnnotationRequest]) -> Iterator[AnnotationAnswer | AnnotationFailure]:
        yield from map(answer_to, requests)


TOY_ANNOTATOR = AnnotatorSpec(
    summary="says the same of every segment",
    load=lambda _choice, _folder: ToyAnnotator(),
    check=lambda _choice, _folder: None,
)


def test_an_annotator(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy describes the segment, and the record names it."""
    assert is_named_for("an annotator", models.annotators.table)
    monkeypatch.setitem(models.annotators.table.ANNOTATORS, "toy", TOY_ANNOTATOR)
    folder = run(clip, tmp_path / "runs", **{"annotator.name": "toy"})
    assert manifest(folder)["annotator"]["model"] == "toy-v1"
    described = json.loads((folder / "clip_annotations.json").read_text())
    assert [(action["segment_id"], action["active"]) for action in described] == [("s0000", True), ("s0000", False)]


class ToyStage(Stage):
    """Counts embeddings, and passes on all items."""

    name = "toy"
    counts: list[int]

    def __init__(self, counts: list[int]) -> None:
        self.counts = counts

    def on_item(self, item: Item) -> Iterator[Item]:
        if isinstance(item, Embedding):
            self.counts.append(item.index)
        yield item


@pytest.mark.slow
def test_a_stage(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A toy stage in a process of its own, between two others, sees what goes through; the results stay the same."""
    assert is_named_for("a stage", stream.runtime.processes)
    without = run(clip, tmp_path / "without")
    seen: list[int] = []

    def build(_: WorkContext) -> Work:
        return Work(ToyStage(seen))

    toy = ProcessSpec("toy", build)
    rows = {**dict(list(PROCESSES.items())[:2]), toy.name: toy, **dict(list(PROCESSES.items())[2:])}
    monkeypatch.setattr(stream.runtime.processes, "PROCESSES", rows)
    with_toy = run(clip, tmp_path / "with")
    assert len(seen) == 3
    for name in ("clip_emb.npy", "clip_temb.npy", "clip_ts.npy"):
        assert (with_toy / name).read_bytes() == (without / name).read_bytes()


def export_durations(views: Sequence[RunView], destination: Path) -> list[Path]:
    """The toy exporter: one line per segment."""
    path = destination / "durations.txt"
    path.write_text("".join(f"{s.segment_id} {s.t_end_s - s.t_start_s:.3f}\n" for view in views for s in view.closed))
    return [path]


def test_an_exporter(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy format is written from a run by its name."""
    assert is_named_for("an exporter", exporters.table)
    rows = {**EXPORTERS, "durations": Exporter("durations of segments", export_durations)}
    monkeypatch.setattr(exporters.table, "EXPORTERS", rows)
    view = view_run(run(clip, tmp_path / "runs"))
    (path,) = exporters.table.export(["durations"], [view], tmp_path / "exported")
    assert path.read_text() == "s0000 4.167\n"


def write_names(data_set: DataSet, folder: Path) -> None:
    """The toy format: the names of the episodes."""
    (folder / "names.txt").write_text("".join(f"{row.episode.key}\n" for row in data_set.rows))


@pytest.mark.slow
def test_a_format_of_data_sets(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy format is written by the command, under its name."""
    assert is_named_for("a format of data sets", exporters.table)
    monkeypatch.setattr(exporters.table, "FORMATS", {"names": Format("names of episodes", write_names)})
    runs = run(clip, tmp_path / "runs")
    result = run_here("export", "names", runs, "--to", tmp_path / "set", "--video", "raw")
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "set/names.txt").read_text() == f"{runs.name}-s0000\n"


def open_toy(spec: str, options: LiveOptions, *, download: bool) -> Source:
    """The toy source: ``toy://NAME`` is a clip in a fixed folder."""
    return open_file(spec.replace("toy://", f"{TOY_FOLDER[0]}/"), options, download=download)


TOY_FOLDER: list[Path] = []


def test_a_source(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address with the toy's scheme is run as any other clip."""
    assert is_named_for("a kind of source", stream.sources.table)
    TOY_FOLDER[:] = [clip.parent]
    monkeypatch.setitem(stream.sources.table.OPENERS, "toy", open_toy)
    folder = run("toy://clip.mp4", tmp_path / "runs")
    assert np.load(folder / "clip_ts.npy").shape == (3,)


class ToyFormat:
    """A file that says toy: a lens of 40 px without distortion."""

    NAME = "toy"

    def recognises(self, document: Document) -> bool:
        return document.text == "toy"

    def read(self, document: Document) -> Intrinsics:  # noqa: ARG002 - a toy
        return intrinsics_of(KannalaBrandt, (128, 96), (40.0, 40.0), (63.5, 47.5), [0.0] * 4)


def test_a_calibration_format(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clip is rectified with the toy's lens, and the record names the format."""
    table = stream.geometry.calibrations.table
    assert is_named_for("a calibration format", table)
    (tmp_path / "lens.txt").write_text("toy")
    lens = {"lens.rectify": True, "lens.intrinsics": tmp_path / "lens.txt"}
    with pytest.raises(IntrinsicsError, match="of no other known format"):
        run(clip, tmp_path / "runs", **lens)
    monkeypatch.setattr(table, "FORMATS", (ToyFormat(), *FORMATS))
    recorded = manifest(run(clip, tmp_path / "runs", **lens))
    assert (recorded["intrinsics_format"], recorded["intrinsics"]["fx"]) == ("toy", 40.0)


class ToyLens(Pinhole):
    """A pinhole camera whose picture is turned by half a turn."""

    NAMES = ("toy",)

    model: Literal["toy"]  # type: ignore[assignment]  # pydantic takes the last one

    def project(self, rays: Float64) -> Float64:
        return -rays

    def unproject(self, points: Float64) -> Float64:
        return points

    def locate(self, k: Float64, pinhole: Float64, size: tuple[int, int]) -> tuple[Float32, Float32]:
        x, y = super().locate(k, pinhole, size)
        return x[::-1, ::-1], y[::-1, ::-1]


def test_a_lens_model(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A calibration that names the toy is read, and the clip is rectified with it."""
    table = stream.geometry.lenses.table
    assert is_named_for("a lens model", table)
    values = {"model": "toy", "image_width": 128, "image_height": 96, "fx": 80.0, "fy": 80.0, "cx": 63.5, "cy": 47.5}
    (tmp_path / "lens.json").write_text(json.dumps(values))
    lens = {"lens.rectify": True, "lens.intrinsics": tmp_path / "lens.json"}
    with pytest.raises(IntrinsicsError, match="'model' is 'toy', and only fisheye"):
        run(clip, tmp_path / "runs", **lens)
    monkeypatch.setattr(table, "LENSES", (ToyLens, *LENSES))
    recorded = manifest(run(clip, tmp_path / "runs", **lens))
    assert (recorded["intrinsics"], recorded["rectification"]["lens_model"]) == (values, "toy")
