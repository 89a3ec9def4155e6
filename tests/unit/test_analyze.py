"""``egoclean-stream analyze``: files from a run directory or a bare folder, and a sentence where that cannot be."""

import json
import struct
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from exporters.anomalies import AnomalyRecord, causal_anomalies, read_anomalies
from exporters.figures import style
from exporters.figures.detection import causal_trace
from exporters.run_view import RunView, Span, view_run
from exporters.table import export
from stream.commands.analyze import analyze, views_with_truth
from stream.detection.options import DetectorOptions
from stream.errors import EgocleanError, InputError, ModelUnavailableError, exit_code_of
from stream.records.store.event_log import read_events
from tests.support.properties import some_of
from tests.support.recorded import EVENT_S, working_windows, write_bare, write_run

TRUTH = [{"t_start_s": EVENT_S[0], "t_end_s": EVENT_S[1], "kind": "anomalous"}]


def analyzed(folder: Path, *options: str | Path) -> list[str]:
    """Run the command; returns the names of the files that it says it wrote."""
    result = CliRunner().invoke(analyze, [str(folder), *map(str, options)])
    if result.exception:
        raise result.exception
    return [Path(line).name for line in result.output.splitlines()]


def only_view(folder: Path, truth: Path | None = None) -> RunView:
    """The one clip of a folder."""
    (view,) = views_with_truth(folder, truth)
    return view


def announced_spans(anomalies: Iterable[AnomalyRecord]) -> list[tuple[str | None, float, float]]:
    """Which segments, from when to when."""
    return [
        (anomaly.segment_id, anomaly.t_start_s, anomaly.t_end_s) for anomaly in anomalies if anomaly.mode == "causal"
    ]


@pytest.fixture
def coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have few pixels, which are quick to draw and to compress."""
    monkeypatch.setattr(style, "DPI", 40)


@pytest.mark.slow
@pytest.mark.usefixtures("coarse")
def test_bare_folder_gives_all_three_files(tmp_path: Path) -> None:
    """Both pictures at their size, and the anomalies of both detectors with every option that made them."""
    write_bare(tmp_path, working_windows(220))
    assert analyzed(tmp_path) == ["clip_detection.png", "clip_diagnostics.png", "anomalies.json"]
    for name, height_px in (("clip_detection.png", 200), ("clip_diagnostics.png", 248)):
        assert struct.unpack(">II", (tmp_path / name).read_bytes()[16:24]) == (288, height_px)
    anomalies = json.loads((tmp_path / "anomalies.json").read_text())
    assert {anomaly["mode"] for anomaly in anomalies} == {"causal", "offline"}
    for anomaly in anomalies:
        assert anomaly["clip"] == "clip"
        assert anomaly["kind"] == "anomalous"
        assert anomaly["options"] == DetectorOptions().model_dump()
        assert anomaly["t_start_s"] < anomaly["t_end_s"]
        assert anomaly["theta_off"] < anomaly["theta_on"] < anomaly["score_max"]
        assert anomaly["score_mean"] <= anomaly["score_max"]


@pytest.mark.usefixtures("unrendered")
def test_run_directory_gives_what_was_announced(tmp_path: Path) -> None:
    """The causal anomalies are the anomalous segments of the run's own events, number for number."""
    layout = write_run(tmp_path / "clip", working_windows(220))
    assert analyzed(layout.root) == ["clip_detection.png", "clip_diagnostics.png", "anomalies.json"]
    causal = [anomaly for anomaly in read_anomalies(layout.root / "anomalies.json") if anomaly.mode == "causal"]
    run_events = [event for event in read_events(layout.events) if event.event == "segment.closed"]
    fields = ("segment_id", "t_start_s", "t_end_s", "score_mean", "score_max", "theta_on", "theta_off")
    expected = [tuple(getattr(event, name) for name in fields) for event in run_events if event.kind == "anomalous"]
    assert [tuple(getattr(anomaly, name) for name in fields) for anomaly in causal] == expected != []
    opened = {event.segment_id: event for event in read_events(layout.events) if event.event == "segment.opened"}
    assert [anomaly.detected_at_s for anomaly in causal] == [opened[str(f.segment_id)].detected_at_s for f in causal]


@pytest.mark.slow
@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("figure_format", some_of(["pdf", "svg"]))
def test_figures_for_papers(tmp_path: Path, figure_format: str) -> None:
    """--format says what kind of file the figures are."""
    write_bare(tmp_path, working_windows(60))
    names = [f"clip_{name}.{figure_format}" for name in ("detection", "diagnostics")]
    assert analyzed(tmp_path, "--format", figure_format) == [*names, "anomalies.json"]
    begin = {"pdf": b"%PDF-", "svg": b"<?xml"}[figure_format]
    assert all((tmp_path / name).read_bytes().startswith(begin) for name in names)


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    """The formats are named."""
    with pytest.raises(EgocleanError, match="--format eps: must be one of png, pdf, svg"):
        analyzed(tmp_path, "--format", "eps")


def test_events_count_and_not_the_replay(tmp_path: Path) -> None:
    """Where the replay would say something else, the figure and the file still show what was announced."""
    layout = write_run(tmp_path / "clip", working_windows(220))
    before = announced_spans(causal_anomalies(only_view(layout.root)))
    np.save(layout.temporal, working_windows(221, seed=5)[1:])
    view = only_view(layout.root)
    assert announced_spans(causal_anomalies(view)) == before
    (span,) = causal_trace(view).spans
    assert (span.t_start_s, span.t_end_s) == (before[0][1], before[-1][2])


def test_growing_run_is_shown_up_to_now(tmp_path: Path) -> None:
    """An anomaly that has begun is drawn to the last window; it enters the file when it is closed."""
    layout = write_run(tmp_path / "clip", working_windows(135), finished=False)
    np.save(layout.timestamps, np.arange(134.0))
    view = only_view(layout.root)
    assert view.title == ("clip", "grid-v2", "134 windows", "run not finished")
    (span,) = causal_trace(view).spans
    assert span.t_start_s == pytest.approx(EVENT_S[0], abs=3)
    assert span.t_end_s == 134.0
    (path,) = export(["anomalies"], [view], layout.root)
    assert announced_spans(read_anomalies(path)) == []


def test_truth_is_found_beside_the_source(tmp_path: Path) -> None:
    """truth.json beside the clip, or beside the tar that holds it, is shown if it knows the clip."""
    tar = tmp_path / "part.tar"
    layout = write_run(tmp_path / "runs" / "clip", working_windows(40), source=f"{tar}::clip.mp4")
    assert only_view(layout.root).truth is None
    (tmp_path / "truth.json").write_text(json.dumps({"another": TRUTH}))
    assert only_view(layout.root).truth is None
    (tmp_path / "truth.json").write_text(json.dumps({"clip": TRUTH, "another": []}))
    assert only_view(layout.root).truth == (Span(*EVENT_S),)


def test_truth_file_must_contain_the_clip(tmp_path: Path) -> None:
    """With --truth a file without the clip is an error; a clip in which nothing happens is not."""
    write_bare(tmp_path, working_windows(40))
    truth = tmp_path / "watched.json"
    truth.write_text(json.dumps({"clip": []}))
    assert only_view(tmp_path, truth).truth == ()
    truth.write_text(json.dumps({"a": [], "b": []}))
    with pytest.raises(InputError, match="has no clip clip, only a, b"):
        analyzed(tmp_path, "--truth", truth)


@pytest.mark.parametrize("content", ["", "{}", '{"clip": [{"t_start_s": 1}]}', '{"clip": [{"t_start_s": NaN}]}'])
def test_truth_that_is_none_is_named(tmp_path: Path, content: str) -> None:
    """A truth.json that lies there but is none is an error, not a clip without truth."""
    write_bare(tmp_path, working_windows(40))
    (tmp_path / "truth.json").write_text(content)
    with pytest.raises(InputError, match=r"truth\.json"):
        analyzed(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_every_clip_of_a_folder_is_drawn(tmp_path: Path) -> None:
    """A folder of the original pipeline holds several clips: each has its pictures, all share one file."""
    write_bare(tmp_path / "in", working_windows(220), stem="one")
    write_bare(tmp_path / "in", working_windows(220, seed=1), stem="two")
    analyzed(tmp_path / "in", "--out", tmp_path / "out")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    pictures = [f"{stem}_{kind}.png" for stem in ("one", "two") for kind in ("detection", "diagnostics")]
    assert names == ["anomalies.json", *pictures]
    assert {anomaly.clip for anomaly in read_anomalies(tmp_path / "out" / "anomalies.json")} == {"one", "two"}


@pytest.mark.slow
@pytest.mark.usefixtures("coarse")
@pytest.mark.parametrize("count", some_of([1, 2, 5, 20]))
def test_short_clips_are_drawn(tmp_path: Path, count: int) -> None:
    """Fewer windows than the warm-up, down to one: pictures, and nothing announced."""
    write_bare(tmp_path, working_windows(count))
    assert len(analyzed(tmp_path)) == 3
    assert announced_spans(read_anomalies(tmp_path / "anomalies.json")) == []


@pytest.mark.slow
@pytest.mark.usefixtures("unrendered")
def test_windows_that_say_nothing_are_left_out_and_counted(tmp_path: Path) -> None:
    """NaN in an embedding does not stop the analysis: the picture says how many windows it lacks."""
    layout = write_bare(tmp_path, working_windows(60))
    mean = np.load(layout.embeddings)
    mean[[7, 30]] = np.nan
    np.save(layout.embeddings, mean)
    assert only_view(tmp_path).title[2:] == ("58 windows", "2 left out (zero or not finite)")
    assert len(analyzed(tmp_path)) == 3


def _nothing(folder: Path) -> None:
    folder.mkdir()


def _zero_windows(folder: Path) -> None:
    write_bare(folder, working_windows(1)[:0])


def _two_lengths(folder: Path) -> None:
    np.save(write_bare(folder, working_windows(9)).timestamps, np.arange(8.0))


def _run_without_windows(folder: Path) -> None:
    write_run(folder, working_windows(1)[:0])


def _run_without_manifest(folder: Path) -> None:
    write_run(folder, working_windows(9)).manifest.unlink()


def _run_with_a_foreign_log(folder: Path) -> None:
    write_run(folder, working_windows(9)).events.write_text('{"event": "solar.eclipse"}\n')


def _run_with_an_empty_log(folder: Path) -> None:
    write_run(folder, working_windows(9)).events.write_text("")


def _run_of_another_version(folder: Path) -> None:
    manifest = write_run(folder, working_windows(9)).manifest
    manifest.write_text(manifest.read_text().replace('"alpha"', '"omega"'))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda _: None, "is not a folder"),
        (_nothing, "neither a run .* nor embeddings"),
        (_zero_windows, "holds no windows"),
        (_two_lengths, "disagree on the number of windows"),
        (_run_without_windows, "holds no windows"),
        (_run_without_manifest, r"run\.json cannot be read: No such file"),
        (_run_with_a_foreign_log, r"events\.jsonl is damaged \("),
        (_run_with_an_empty_log, "has no run.started"),
        (_run_of_another_version, "detector's options"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, make: Callable[[Path], None], message: str) -> None:
    """What cannot be analyzed is an input error that says why; nothing is written."""
    make(tmp_path / "clip")
    with pytest.raises(EgocleanError, match=message) as caught:
        analyzed(tmp_path / "clip", "--out", tmp_path / "out")
    assert caught.value.exit_code == 3
    assert not (tmp_path / "out").exists()


def test_missing_matplotlib_ends_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the command ends with 5, for any folder."""
    monkeypatch.setattr(style, "find_spec", lambda _: None)
    with pytest.raises(ModelUnavailableError) as caught:
        analyzed(tmp_path / "nowhere")
    assert exit_code_of(caught.value) == 5


def test_announced_reads_damage_and_source(tmp_path: Path) -> None:
    """The source's file is the tar where the clip lies in one; a run that ended is finished."""
    layout = write_run(tmp_path / "clip", working_windows(9), source="a/part.tar::clip.mp4")
    view = view_run(layout.root)
    assert view.source == Path("a/part.tar")
    assert (view.finished, view.encoder, view.damaged) == (True, "grid-v2", ())
    assert view.layout == layout
