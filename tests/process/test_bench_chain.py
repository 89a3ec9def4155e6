"""The benchmarks measure the real thing: the same frames, by each way."""

import json
from pathlib import Path
from unittest.mock import patch

import av
import numpy as np
import pytest
from click.testing import CliRunner

from stream.bench.clips import repeat_clip
from stream.demo.render import render_demo
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.frame_format import frame_format_of
from stream.geometry.frame_remap import FrameRemap
from stream.geometry.motion import motion_between
from stream.sources.table import open_clip
from stream.stages.rectify import Rectify
from tests.support.clips import make_clip
from tests.tools import bench_chain as chain


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second of the demo's bench, with its calibration."""
    path = tmp_path_factory.mktemp("bench") / "clip.mp4"
    render_demo(path, seconds=1.0)
    return path


def test_all_ways_see_the_same_frames(clip: Path) -> None:
    """Decoding alone, the naive order and the chain with its hop all go through every frame."""
    source = open_clip(str(clip))
    assert [way(source) for way in (chain.decode_only, chain.naive, chain.chain)] == [30, 30, 30]


def test_measuring_motion_is_part_of_the_chains_cost(clip: Path) -> None:
    """Five times a second it is done, and its time is a part of the whole."""
    with patch("stream.stages.motion.motion_between", wraps=motion_between) as measured:
        chain_ms, motion_ms = chain.cost_of_motion(open_clip(str(clip)))
    assert measured.call_count == 4
    assert 0 < motion_ms < chain_ms / 2


def test_naive_order_makes_the_same_encoder_frame(clip: Path) -> None:
    """What the chain is compared with does the same work: its frame is the chain's, but for resampling."""
    source = open_clip(str(clip))
    frame = next(iter(chain.decoded(source)))
    camera = Rectify(read_calibration(clip.with_name("intrinsics.json")).intrinsics)._build(frame_format_of(frame))
    assert isinstance(camera, FrameRemap)
    fused = camera.encoder_frame(frame).astype(float)
    plain = chain.naive_frame(frame, chain.full_size_maps(source)).astype(float)
    psnr_db = 10 * np.log10(255**2 / ((fused - plain) ** 2).mean())
    assert psnr_db > 30


def test_repeated_clip_plays_on(tmp_path: Path) -> None:
    """A clip repeated three times has three times the frames, on one line of time without a gap."""
    short = make_clip(tmp_path / "short.mp4", frames=20)
    repeat_clip(short, tmp_path / "long.mp4", 3)
    with av.open(str(tmp_path / "long.mp4")) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert len(times) == 60
    assert np.allclose(np.diff(np.array(times, float)), 1 / 30, atol=1e-4)


def test_report_names_the_machine_and_every_ratio(tmp_path: Path) -> None:
    """The benchmark's JSON says on which machine, what was measured, and whether its limits held."""
    report = tmp_path / "report.json"
    result = CliRunner().invoke(chain.main, ["cpu", "--seconds", "0.5", "--rounds", "1", "--json", str(report)])
    assert result.exit_code in {0, 1}
    machine, row = json.loads(report.read_text())
    assert machine["cores"] >= 1
    assert row["chain_to_decode"] == pytest.approx(row["chain_ms"] / row["decode_ms"], abs=2e-3)
    assert row["held"] == (result.exit_code == 0)
