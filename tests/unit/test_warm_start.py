"""A detector that begins with what another has learned, and the clips of a batch that it is learned from."""

from pathlib import Path

import numpy as np
import pytest

from stream.detection.detector import CausalDetector, Step
from stream.detection.options import DetectorOptions
from stream.engines.batch import Outcome
from stream.engines.earlier_runs import EarlierRuns, place_of
from stream.errors import DamagedError
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import Embedding, End, Item
from stream.pipeline.stage import State, drive
from stream.records.schema.layout import RunLayout
from stream.records.store.warm_start import digest_of_warm_start, packed, read_warm_start, write_warm_start
from stream.stages.detect import Detect
from tests.support.annotated import options

OPTIONS = DetectorOptions()
LENGTHS_S = (10, 14, 20, 30, 12, 25, 18, 15, 22)
ODD = 5


def clip(number: int) -> list[Item]:
    """The windows of one clip: noisy work, and in the odd clip other work for 16 of its 25 seconds."""
    rng = np.random.default_rng(number)
    vectors = np.zeros((LENGTHS_S[number], 2, 32))
    vectors[..., 0] = 1
    if number == ODD:
        vectors[5:21, :, 0], vectors[5:21, :, 1] = 0.8, 0.6
    vectors += rng.normal(0, 0.02, vectors.shape)
    windows = [
        Embedding(i, float(i), i + 1.0, each.mean(axis=0).astype(np.float32), each.astype(np.float16))
        for i, each in enumerate(vectors)
    ]
    return [*windows, End("end_of_stream", float(len(windows)), 30 * len(windows))]


def segments(number: int, normal: State | None) -> list[SegmentClosed]:
    return [item for item in drive(Detect(OPTIONS, normal), clip(number)) if isinstance(item, SegmentClosed)]


def learned(number: int, normal: State | None) -> State:
    detector = CausalDetector(OPTIONS, normal)
    for item in clip(number):
        if isinstance(item, Embedding):
            vector = item.temporal.astype(np.float64).ravel()
            detector.push(item.t_sample_s, vector / np.linalg.norm(vector))
    return detector.learned(1.0)


def test_the_odd_one_of_nine_short_clips_is_found() -> None:
    """None of them could be judged alone; from the third on, all can. Only the odd stretch is anomalous."""
    normal: State | None = None
    kinds: list[list[tuple[str, float, float]]] = []
    for number in range(len(LENGTHS_S)):
        kinds.append([(each.kind, each.t_start_s, each.t_end_s) for each in segments(number, normal)])
        normal = learned(number, normal)
    assert [clip_kinds[0][0] for clip_kinds in kinds[:2]] == ["unknown", "unknown"]
    assert kinds[ODD] == [("typical", 0, 5), ("anomalous", 5, 21), ("typical", 21, 25)]
    others = [kind for number, each in enumerate(kinds) if number != ODD for kind, _, _ in each[:1]]
    assert others == ["unknown", "unknown", *["typical"] * 6]


def test_without_a_warm_start_no_short_clip_is_judged() -> None:
    for number in range(len(LENGTHS_S)):
        assert [(each.kind, each.judged_from_s) for each in segments(number, None)] == [("unknown", None)]


def test_it_goes_on_as_one_clip_would() -> None:
    """Scores and thresholds are those of one long clip, but for the moving average, which begins anew."""

    def steps(detector: CausalDetector, number: int) -> list[Step]:
        windows = [item for item in clip(number) if isinstance(item, Embedding)]
        rows = [each.temporal.astype(np.float64).ravel() for each in windows]
        times_s = [each.t_sample_s for each in windows]
        return [detector.push(t_s, row / np.linalg.norm(row)) for t_s, row in zip(times_s, rows, strict=True)]

    whole = CausalDetector(OPTIONS)
    steps(whole, 3)
    handed = CausalDetector(OPTIONS, whole.learned(1.0))
    assert [step.thresholds is not None for step in steps(handed, 2)] == [True] * LENGTHS_S[2]


def test_the_file_is_checked(tmp_path: Path) -> None:
    layout = RunLayout(tmp_path, "clip")
    content = packed(learned(0, None))
    write_warm_start(layout, content)
    state = read_warm_start(layout, digest_of_warm_start(content))
    assert state is not None
    assert packed(state) == content
    assert read_warm_start(layout, None) is None
    with pytest.raises(DamagedError, match="not the file that the run began with"):
        read_warm_start(layout, "0" * 64)
    layout.warm_start.unlink()
    with pytest.raises(DamagedError, match="cannot be read"):
        read_warm_start(layout, digest_of_warm_start(content))


def test_earlier_runs_are_those_of_the_same_folder_or_tar() -> None:
    assert [place_of(each) for each in ("w1/a.mp4", "w1.tar::w/a.mp4", "a.mp4")] == ["w1", "w1.tar", ""]
    earlier = EarlierRuns()
    for name in ("w1/a.mp4", "w2/b.mp4", "w1/c.mp4"):
        earlier.add(Outcome(name, 0, "", run_dir=Path("runs") / Path(name).stem))
    earlier.add(Outcome("w1/d.mp4", 3, "cannot be read"))
    previous = options({"clips.warm_start": "previous"})
    assert earlier.options_for("w1/e.mp4", previous).resolved.earlier_runs == (Path("runs/a"), Path("runs/c"))
    assert earlier.options_for("w1/e.mp4", options({})).resolved.earlier_runs == ()


def test_a_warm_start_is_part_of_a_runs_identity() -> None:
    run = options({})
    warm = run.model_copy(update={"detector": run.detector.model_copy(update={"warm_start_sha256": "a" * 64})})
    assert run.identity() != warm.identity()
