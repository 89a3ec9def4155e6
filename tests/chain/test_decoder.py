"""The decoder of a real run."""

from pathlib import Path

import pytest

from stream.video import decoder
from tests.support.clips import make_clip
from tests.support.inline import run_inline
from tests.support.runs import manifest, write_intrinsics


def test_run_records_its_decoder(tmp_path: Path) -> None:
    """run.json names the decoder and why; nvdec where there is no card ends with 2 and a sentence before anything."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=80)
    assert run_inline(clip, "--encoder", "grid", "--out", tmp_path / "runs").returncode == 0
    recorded = manifest(tmp_path / "runs" / "clip")
    assert recorded["decoder"]["name"] == "cpu"
    assert recorded["options"]["input"]["decoder"] == "cpu"
    assert recorded["rectification"]["remapped_by"] == "opencv"


@pytest.mark.skipif(not decoder.nvdec_fault("hevc"), reason="here NVDEC can be opened")
def test_no_card_ends_with_a_sentence(tmp_path: Path) -> None:
    """Without a card --decoder nvdec ends with exit code 2 and one sentence, and leaves no run behind."""
    write_intrinsics(tmp_path)
    clip = make_clip(tmp_path / "clip.mp4", frames=3)
    result = run_inline(clip, "--encoder", "grid", "--decoder", "nvdec", "--out", tmp_path / "runs")
    assert result.returncode == 2
    assert "--decoder nvdec cannot decode" in result.stderr
    assert not (tmp_path / "runs").exists()
