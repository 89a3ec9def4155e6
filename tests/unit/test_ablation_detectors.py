"""Detector settings compared on embeddings from a file."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from stream.detection.detector import CausalDetector
from stream.detection.options import DetectorOptions
from stream.errors import EgocleanError, InputError, UsageError
from stream.evaluation.readers import read_json
from stream.evaluation.types import Stretch
from stream.pipeline.facts import SegmentClosed, SegmentOpened
from stream.pipeline.items import Embedding, End, Float32
from stream.pipeline.stage import drive
from stream.stages.detect import Detect
from tests.support.eval_files import file
from tests.tools.ablation import __main__ as command
from tests.tools.ablation import detectors
from tests.tools.ablation.__main__ import ablation
from tests.tools.ablation.compare import Subject, compare
from tests.tools.ablation.detectors import Found, adjacent_windows, causal
from tests.tools.ablation.outcome import outcome
from tests.tools.ablation.series import EmbeddingSeries
from tests.tools.ablation.table import show
from tests.tools.ablation.variants import DEFAULT, SETTINGS, detector_variants, encoder_variants

PUBLISHED = Path(__file__).parents[2].parent / "shared" / "published" / "egoclean_clip1.npz"
OF_THE_PARTITION = {
    "max_segment_s", "cut_ratio", "period_windows", "idle_after_s", "idle_threshold", "idle_change",
    "warm_start_sha256",
}  # fmt: skip
"""Options that cut and describe segments, and decide nothing about what is anomalous."""
EVENT_S = (70.0, 90.0)
NAMES = [variant.name for variant in detector_variants("embeddings")]


def windows(seed: int = 0, event: float = 1.0) -> Float32:
    """(120, 16) usual work under noise, one window a second, with something else at ``EVENT_S``."""
    vectors = np.random.default_rng(seed).normal(0, 0.2, (120, 16)).astype(np.float32)
    vectors[:, 0] += 1
    vectors[int(EVENT_S[0]) : int(EVENT_S[1]), 1] += event
    return vectors


def series(vectors: Float32) -> EmbeddingSeries:
    """The same as a series; a window is known 2 s after its start."""
    starts_s = [float(t_s) for t_s in range(len(vectors))]
    return EmbeddingSeries(starts_s, [t_s + 2 for t_s in starts_s], tuple(vectors), len(vectors) + 1.0)


def stored(
    folder: Path, stem: str, *, embeddings: npt.NDArray[Any] | None = None, times_s: npt.NDArray[Any] | None = None
) -> Path:
    """An NPZ as others publish them: ``windows()`` one a second, unless other arrays are given."""
    path = folder / f"{stem}.npz"
    np.savez(
        path,
        embeddings=windows() if embeddings is None else embeddings,
        timestamps_s=np.arange(120.0) if times_s is None else times_s,
    )
    return path


def truth(folder: Path, *stems: str) -> Path:
    """The event, for each of the clips."""
    spans = [{"t_start_s": EVENT_S[0], "t_end_s": EVENT_S[1], "kind": "anomalous"}]
    return file(folder, "truth.json", json.dumps(dict.fromkeys(stems, spans)))


def run(*words: str | Path) -> Result:
    """The command's result; its errors are raised."""
    return CliRunner().invoke(ablation, [str(word) for word in words], catch_exceptions=False)


def variants(*words: str | Path) -> dict[str, dict[str, Any]]:
    """What the command prints with --json, by variant."""
    report = json.loads(run(*words, "--json").stdout)
    return {row["variant"]: row for row in report["variants"]}


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command compares only the variants that tests name."""
    named = {"causal", "offline, published", "no EMA", "adjacent windows"}
    chosen = [variant for variant in detector_variants("embeddings") if variant.name in named]
    monkeypatch.setattr(command, "detector_variants", lambda _: chosen)


@pytest.mark.slow
def test_table_has_one_row_for_each_variant(tmp_path: Path) -> None:
    """In a pipe the table is plain and aligned: a head, then each variant once; progress goes to standard error."""
    result = run(stored(tmp_path, "clip"), "--truth", truth(tmp_path, "clip"))
    head, *rows = result.stdout.partition("\n\n")[0].splitlines()
    assert [row[: head.index("events")].strip() for row in rows] == NAMES
    assert len({len(line) for line in (head, *rows)}) == 1
    assert "\x1b" not in result.output
    assert result.stderr.splitlines()[-1] == f"clip: variants  {len(NAMES)} of {len(NAMES)}"


@pytest.mark.slow
def test_options_passed_are_those_of_the_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each causal row names exactly the options, other than the default ones, that its detector was given."""
    received: list[DetectorOptions] = []

    class SpyDetector(CausalDetector):
        def __init__(self, options: DetectorOptions) -> None:
            received.append(options)
            super().__init__(options)

    monkeypatch.setattr(detectors, "CausalDetector", SpyDetector)
    rows = variants(stored(tmp_path, "clip"), "--truth", truth(tmp_path, "clip"))
    causal_options = {name: row["options"] for name, row in rows.items() if row["detector"] == "causal"}
    assert list(causal_options) == list(SETTINGS)
    assert received == [DetectorOptions(**options) for options in causal_options.values()]


def test_settings_change_every_option_of_the_detector() -> None:
    """No two settings are the same, and each option that can decide what is anomalous is changed in one of them."""
    assert len(set(SETTINGS.values())) == len(SETTINGS)
    changed = {name for variant in detector_variants("any") for name in variant.changed()}
    assert changed == set(DetectorOptions.model_fields) - OF_THE_PARTITION


@pytest.mark.parametrize("lasting", [EVENT_S[1], 120.0])
def test_causal_row_is_the_chains_own_detector(lasting: float) -> None:
    """The causal detector finds what the chain's stage announces, with the times at which it was known."""
    vectors = windows()
    vectors[int(EVENT_S[0]) : int(lasting), 1] += 1
    rounded_series = series(vectors)
    chain = [
        Embedding(k, rounded_series.t_start_s[k], rounded_series.known_s[k], vector, vector[None].astype(np.float16))
        for k, vector in enumerate(vectors)
    ]
    report = list(drive(Detect(DEFAULT), [*chain, End("end_of_stream", rounded_series.duration_s, 3600)]))
    opened = [item for item in report if isinstance(item, SegmentOpened) and item.kind == "anomalous"]
    closed = [item for item in report if isinstance(item, SegmentClosed) and item.kind == "anomalous"]
    rounded = EmbeddingSeries(
        rounded_series.t_start_s, rounded_series.known_s, tuple(vectors.astype(np.float16)), rounded_series.duration_s
    )
    (anomaly,) = causal(rounded, DEFAULT).anomalies or ()
    assert (anomaly.t_start_s, anomaly.t_end_s) == (opened[0].t_start_s, closed[-1].t_end_s)
    assert anomaly.opened_at_s == opened[0].detected_at_s
    assert anomaly.closed_at_s == (closed[-1].detected_at_s if lasting < 120 else None)


def test_the_adjacent_window_detector_finds_edges_but_no_events() -> None:
    """The naive detector tells both edges of a clean event, and nothing of what lies between them."""
    vectors = np.tile(np.eye(2, dtype=np.float32)[0], (60, 1))
    vectors[20:40] = np.eye(2)[1]
    vectors[50] = 0.0  # says nothing: passed over
    detection = adjacent_windows(series(vectors), DEFAULT)
    assert (detection.edges_s.tolist(), detection.anomalies) == ([20.0, 40.0], None)
    row = outcome(detection, (Stretch(20, 43),), 61.0).row()
    assert (row["edges"], row["right_edges"], row["predicted_events"]) == (2, 1, None)


def test_separability_counts_robust_deviations() -> None:
    """Separability is the distance of the medians over 1.4826 MAD of the normal scores; predictions play no part."""
    detection = Found(np.arange(8.0), np.array([1.0, 2, 3, 4, 5, 20, 30, 40]), np.zeros(0), ())
    assert outcome(detection, (Stretch(5, 8),), 8.0).row()["separability"] == pytest.approx((30 - 3) / 1.4826)
    assert outcome(detection, (), 8.0).row()["separability"] is None
    assert outcome(detection, (Stretch(0, 8),), 8.0).row()["separability"] is None


@pytest.mark.usefixtures("few")
def test_clips_are_pooled(tmp_path: Path) -> None:
    """Pooled counts are the sums over the clips, and each clip has its own figures."""
    clips = [stored(tmp_path, stem, embeddings=windows(seed)) for seed, stem in enumerate(("one", "two"))]
    row = variants(*clips, "--truth", truth(tmp_path, "one", "two", "three"))["adjacent windows"]
    assert list(row["clips"]) == ["one", "two"]
    assert row["pooled"]["edges"] == sum(clip["edges"] for clip in row["clips"].values()) > 0


@pytest.mark.slow
def test_settings_without_effect_are_named(tmp_path: Path) -> None:
    """A setting is named as idle exactly where all its figures are those of the causal detector."""
    words = (stored(tmp_path, "clip"), "--truth", truth(tmp_path, "clip"), "--json")
    report = json.loads(run(*words).stdout)
    rows = {row["variant"]: row for row in report["variants"]}
    same = [name for name in SETTINGS if rows[name]["clips"] == rows["causal"]["clips"] and name != "causal"]
    assert report["idle"] == same
    assert 0 < len(same) < len(SETTINGS) - 1


@pytest.mark.usefixtures("few")
def test_arrays_of_a_run_are_read(tmp_path: Path) -> None:
    """A run's temporal tokens are taken with the times beside them, and without times one second apart."""
    np.save(tmp_path / "clip_temb.npy", windows().reshape(120, 2, 8).astype(np.float16))
    words = (tmp_path / "clip_temb.npy", "--truth", truth(tmp_path, "clip"))
    assert variants(*words)["causal"]["pooled"]["duration_s"] == 120.0
    np.save(tmp_path / "clip_ts.npy", 2 * np.arange(120.0))
    assert variants(*words)["causal"]["pooled"]["duration_s"] == 240.0


@pytest.mark.slow
def test_terminal_of_80_columns_cuts_nothing(tmp_path: Path) -> None:
    """In a narrow terminal names and options are folded, and every figure stands in full."""
    subject = Subject("clip", "clip", lambda: {"any": series(windows())})
    track = read_json(truth(tmp_path, "clip"))[0]
    results = compare([(subject, track)], detector_variants("any"), Console(file=io.StringIO()))
    screen = io.StringIO()
    show(results, Console(file=screen, force_terminal=True, width=80, color_system=None))
    table = screen.getvalue().partition("\n\n")[0]
    assert "…" not in table
    assert all(len(line) <= 80 for line in table.splitlines())
    assert f"{results[1].row()['separability']:.2f}" in table.split()


def test_encoder_without_weights_is_a_row_with_the_reason() -> None:
    """V-JEPA 2 without weights is not run, has no figures, and says why."""
    (row,) = (variant for variant in encoder_variants(["grid", "thumbnail"]) if variant.not_run)
    assert row.name == "vjepa2"
    (result,) = compare([], [row], Console(file=io.StringIO()))
    assert result.row() == {}
    assert not [variant for variant in encoder_variants(["grid", "thumbnail", "vjepa2"]) if variant.not_run]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"embeddings": np.zeros(120)}, "expected floating-point numbers"),
        ({"embeddings": np.zeros((120, 3))}, "0 of 120 windows can be compared"),
        ({"embeddings": np.ones((1, 3)), "times_s": np.zeros(1)}, "1 of 1 windows can be compared"),
        ({"times_s": np.arange(119.0)}, "one number for each of 120 windows"),
    ],
)
def test_arrays_that_make_no_sense_are_refused(
    tmp_path: Path, arrays: dict[str, npt.NDArray[Any]], message: str
) -> None:
    """A file whose arrays do not fit, or with less than two windows that say anything, ends with one sentence."""
    with pytest.raises(InputError, match=message):
        run(stored(tmp_path, "clip", **arrays), "--truth", truth(tmp_path, "clip"))


@pytest.mark.parametrize(
    ("words", "kind", "message"),
    [
        (["clip.npz", "clip.mp4"], UsageError, "compare them apart"),
        (["clip.npz", "clip.npz"], UsageError, "no two of one name"),
        (["other.npz"], UsageError, "has no clip other, only clip"),
        (["clip.npz", "--encoder-model", "x"], UsageError, "embeddings need no encoder"),
        (["clip.npz", "--intrinsics", "x"], UsageError, "embeddings need no encoder"),
        (["clip.npz", "--stride-s", "nan"], UsageError, "--stride-s nan"),
        (["clip.npz", "--truth", "late.json"], InputError, "it may belong to another clip"),
        (["missing.npz", "--truth", "list.json"], InputError, "cannot be read"),
        (["text.npy", "--truth", "list.json"], InputError, "not a whole NPY"),
        (["missing.mp4"], InputError, "does not exist"),
    ],
)
def test_what_makes_no_sense_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], kind: type[EgocleanError], message: str
) -> None:
    """Clips, options and truths that do not fit end with the documented error and one sentence."""
    monkeypatch.chdir(tmp_path)
    stored(tmp_path, "clip")
    truth(tmp_path, "clip")
    file(tmp_path, "text.npy", "no array")
    file(tmp_path, "late.json", '[{"t_start_s": 300, "t_end_s": 310}]')
    file(tmp_path, "list.json", "[]")
    with pytest.raises(kind, match=message):
        run("--truth", "truth.json", *words)


@pytest.mark.skipif(not PUBLISHED.is_file(), reason="the published embeddings are not beside the checkout")
@pytest.mark.usefixtures("few")
def test_published_clip(tmp_path: Path) -> None:
    """On the published clip both events are found offline and causally, and not without the EMA; the naive detector
    tells edges, and none of them is a true one."""
    events = [{"t_start_s": 208, "t_end_s": 262}, {"t_start_s": 420, "t_end_s": 433}]
    rows = variants(PUBLISHED, "--truth", file(tmp_path, "truth.json", json.dumps(events)))
    hits = {name: row["pooled"]["hits_iou_0.5"] for name, row in rows.items()}
    assert (hits["offline, published"], hits["causal"], hits["no EMA"]) == (2, 2, 0)
    naive = rows["adjacent windows"]["pooled"]
    assert (naive["edges"] > 10, naive["right_edges"]) == (True, 0)
