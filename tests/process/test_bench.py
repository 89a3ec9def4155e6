"""``bench`` runs the real chain, and ``bench compare`` the usual way beside it."""

import json
from pathlib import Path

import pytest

from stream.bench import baseline
from stream.bench import compare as comparing
from stream.bench import measure as measuring
from stream.config import Options
from stream.errors import EgocleanError
from tests.support.baseline import baseline_in_this_process
from tests.support.clips import make_clip
from tests.support.echo_server import MODEL, TOKENS_OUT
from tests.support.openai_server import serving
from tests.support.runs import run_cli, write_intrinsics
from tests.support.tiny_models import save_tiny_vjepa2


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds of moving texture, with its calibration beside it."""
    write_intrinsics(tmp_path)
    return make_clip(tmp_path / "clip.mp4", frames=120)


def test_bench_without_arguments(tmp_path: Path) -> None:
    """With nothing but a length, a clip is rendered and run with the grid encoder, every process accounted for."""
    report = tmp_path / "report.json"
    result = run_cli("bench", "--seconds", "4", "--out", report, "--price-per-hour", "0.5", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    measured = json.loads(report.read_text())
    assert list(measured["stages"]) == ["ingest", "encode", "detect", "record"]
    assert (measured["clip"]["width_px"], measured["chain"]["frames"]) == (456, 120)
    chain = measured["chain"]
    assert chain["dollars_per_video_hour"] == pytest.approx(0.5 / chain["x_real_time"], rel=0.01)
    assert 0 < chain["flowing_s"] < chain["wall_s"]
    assert chain["dollars_per_video_hour_flowing"] < chain["dollars_per_video_hour"]
    assert f"${chain['dollars_per_video_hour']:.4f} on this one" in result.stdout
    assert measured["utilisation"] is None
    assert measured["machine"]["cores"] >= 1
    for words in (
        "x real time",
        "per video hour",
        "with the encoder grid-v2",
        "PROJECTION",
        "calculated, not measured",
    ):
        assert words in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_tokens_are_in_the_price(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an annotator its process is a row of the table, and its tokens and seconds stand below."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    report = tmp_path / "report.json"
    with serving() as server:
        asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
        result = run_cli("bench", clip, "--out", report, *asks)
    assert result.returncode == 0, result.stderr
    measured = json.loads(report.read_text())
    assert list(measured["stages"])[-1] == "annotate"
    assert measured["annotation"]["tokens_out"] == len(server.requests) * TOKENS_OUT > 0
    assert f"tokens_out {TOKENS_OUT}" in result.stdout


def test_compare_does_the_same_work_twice(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain and the usual way embed the same windows alike, and the report has both, and the ratio."""
    model = save_tiny_vjepa2(tmp_path / "model", encoder_px=64)
    out = tmp_path / "runs"
    options = Options(source=str(clip)).replace(
        {"encoder.name": "vjepa2", "encoder.model": str(model), "output.folder": out}
    )
    monkeypatch.setattr(measuring, "ceiling_flop_s", lambda _: 1e15)
    monkeypatch.setattr(comparing, "run_baseline", baseline_in_this_process)
    measured = comparing.compare(options, tmp_path)
    assert measured["baseline"]["windows"] == measured["chain"]["windows"] == 2
    assert measured["cosine_min"] > 0.99
    assert measured["ratio"]["baseline_to_chain"] == pytest.approx(
        measured["baseline"]["flowing_s"] / measured["chain"]["flowing_s"], rel=0.05
    )
    use = measured["utilisation"]
    assert use["device"] == "cpu"
    assert use["ceiling_tflop_s"] == 1000.0
    assert measured["projection"]["is_bound"]


def test_failed_baseline_is_an_error(tmp_path: Path) -> None:
    """A baseline that ends badly is one sentence, without a traceback of this program."""
    options = Options(source=str(tmp_path / "gone.mp4")).replace(
        {"encoder.model": str(tmp_path), "lens.rectify": False}
    )
    with pytest.raises(EgocleanError, match=r"sequential baseline for .*gone\.mp4 ended with exit status 1"):
        baseline.run_baseline(options, tmp_path / "theirs.npy")
