"""``bench`` runs the real chain, and ``bench compare`` the usual way beside it."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from models.memory import gpu
from stream.bench import baseline, ceiling
from stream.bench import compare as comparing
from stream.bench import measure as measuring
from stream.bench.clips import bench_clip
from stream.bench.gpu_meter import GpuMeter
from stream.commands.bench import settled
from stream.config import Options
from stream.errors import EgocleanError
from stream.sources.table import open_clip
from stream.video.container import read_facts
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


def test_bench_without_words(tmp_path: Path) -> None:
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
    for said in ("x real time", "a video hour", "with the encoder grid-v1", "PROJECTION", "calculated, not measured"):
        assert said in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_words_are_in_the_price(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With an annotator its process is a row of the table, and its tokens and seconds stand below."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    report = tmp_path / "report.json"
    with serving() as server:
        asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
        result = run_cli("bench", clip, "--out", report, *asks)
    assert result.returncode == 0, result.stderr
    measured = json.loads(report.read_text())
    assert list(measured["stages"])[-1] == "annotate"
    assert measured["annotation"]["tokens_out"] == len(server.asked) * TOKENS_OUT > 0
    assert f"tokens_out {TOKENS_OUT}" in result.stdout


def test_compare_does_the_same_work_twice(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain and the usual way embed the same windows alike, and the report has both, and the ratio."""
    model = save_tiny_vjepa2(tmp_path / "model", encoder_px=64)
    out = tmp_path / "runs"
    options = Options(source=str(clip)).replace(
        {"encoder.name": "vjepa2", "encoder.model": str(model), "output.folder": out}
    )
    monkeypatch.setattr(measuring, "ceiling_flop_s", lambda _: 1e15)
    monkeypatch.setattr(comparing, "run_baseline", _baseline_in_this_process)
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


def _baseline_in_this_process(options: Options, embeddings: Path) -> dict[str, Any]:
    """The program of ``stream.bench.baseline``, without starting another interpreter."""
    result = CliRunner().invoke(baseline.main, baseline.words(options, embeddings), catch_exceptions=False)
    figures: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return figures


@pytest.mark.parametrize("lens", ["none", "elsewhere"])
def test_compare_takes_the_runs_lens_and_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lens: str) -> None:
    """Without rectification, or with a calibration that lies elsewhere, both ways see the same pictures."""
    clip = make_clip(tmp_path / "clip.mp4", frames=120)
    (tmp_path / "lens").mkdir()
    calibration = write_intrinsics(tmp_path / "lens")
    chosen: dict[str, Any] = {"none": {"lens.rectify": False}, "elsewhere": {"lens.intrinsics": calibration}}
    model = save_tiny_vjepa2(tmp_path / "model", encoder_px=64)
    changes = {"encoder.name": "vjepa2", "encoder.model": str(model), "output.folder": tmp_path / "runs"}
    options = Options(source=str(clip)).replace({**changes, "window.preset": "16@8", **chosen[lens]})
    monkeypatch.setattr(measuring, "ceiling_flop_s", lambda _: 1e15)
    monkeypatch.setattr(comparing, "run_baseline", _baseline_in_this_process)
    measured = comparing.compare(options, tmp_path)
    assert measured["baseline"]["windows"] == measured["chain"]["windows"] >= 2
    assert measured["cosine_min"] > 0.99


def test_baseline_takes_the_runs_view(clip: Path) -> None:
    """How much of the rectified field is kept is the run's own choice in both ways."""
    source = open_clip(str(clip))
    facts, picture = read_facts(source), np.full((96, 128, 3), 255, np.uint8)
    lens = Options(source=str(clip)).replace({"lens.intrinsics": source.intrinsics_path()})
    kept, whole = (
        baseline.rectifier(facts, lens.replace({"lens.balance": balance}))(picture) for balance in (0.0, 1.0)
    )
    assert kept.min() > 0
    assert whole.min() == 0


def test_baseline_that_fails_is_said(tmp_path: Path) -> None:
    """A sequential way that ends badly is one sentence, without a traceback of this program."""
    options = Options(source=str(tmp_path / "gone.mp4")).replace(
        {"encoder.model": str(tmp_path), "lens.rectify": False}
    )
    with pytest.raises(EgocleanError, match=r"sequential way on .*gone\.mp4 ended with status 1"):
        baseline.run_baseline(options, tmp_path / "theirs.npy")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--encoder", "grid", "--weights", "random"), 2, "--encoder grid has no weights"),
        (("missing.mp4",), 3, "missing.mp4 does not exist"),
        (("--encoder-model", "no/such-model", "--seconds", "3"), 5, "no/such-model"),
    ],
)
def test_errors_are_those_of_a_run(tmp_path: Path, words: tuple[str, ...], code: int, said: str) -> None:
    """A bench that cannot be done ends with a run's exit code and one sentence."""
    result = run_cli("bench", *words, cwd=tmp_path)
    assert result.returncode == code
    assert said in result.stderr


def test_baseline_takes_the_chains_windows(clip: Path) -> None:
    """The usual way's windows are 64 consecutive whole frames, one every stride; or by time, as the chain's."""
    options = Options(source=str(clip)).replace({"lens.rectify": False})
    found = list(baseline.windows(open_clip(str(clip)), options))
    assert [window.shape for window in found] == [(64, 96, 128, 3)] * 2
    np.testing.assert_array_equal(found[0][30:], found[1][:34])
    sparse = list(baseline.windows(open_clip(str(clip)), options.replace({"window.preset": "16@8"})))
    np.testing.assert_array_equal(sparse[0][4], found[0][15])


def test_rendered_clip_is_as_long_as_was_asked(tmp_path: Path) -> None:
    """A clip longer than what is rendered repeats it."""
    facts = read_facts(open_clip(str(bench_clip(tmp_path, "456x256", 0.5))))
    assert (facts.width_px, facts.height_px, facts.declared_s) == (456, 256, 0.5)


def test_ceiling_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of matrices takes some time on whatever device there is."""
    monkeypatch.setattr(ceiling, "_SIDES", {"cpu": (64,), "cuda": (64,)})
    assert 0 < ceiling.measure("float32") < 1e16


def test_gpu_is_priced_with_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a card and torch are and nothing is named, V-JEPA 2 at full size is measured; a wish is kept as it is."""
    monkeypatch.setattr("models.memory.gpu.find_gpu", lambda: None)
    assert settled(None, None, None) == ("grid", "real")
    monkeypatch.setattr("models.memory.gpu.find_gpu", lambda: gpu.Gpu("card", 24 << 30, 23 << 30))
    assert settled(None, None, None) == ("vjepa2", "random")
    assert settled("grid", None, None) == ("grid", "real")
    assert settled(None, None, "folder") == ("vjepa2", "real")
    assert settled(None, "random-small", None) == ("vjepa2", "random-small")


def test_no_gpu_has_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU nothing is measured of it, and nothing made up."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with GpuMeter() as meter:
        pass
    assert meter.figures(0.0, math.inf) is None
    assert gpu.find_gpu() is None


class _Nvml:
    """What is asked of NVML: a card that is half busy and has used 30 J a question."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, tells: bool) -> None:
        import pynvml

        self._millijoules = 0
        self._tells = tells
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetUtilizationRates", self._rates)
        monkeypatch.setattr(pynvml, "nvmlDeviceGetMemoryInfo", lambda _: type("Memory", (), {"used": 3 << 30}))
        monkeypatch.setattr(pynvml, "nvmlDeviceGetTotalEnergyConsumption", self._energy)

    def _refuse(self) -> None:
        import pynvml

        if not self._tells:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)

    def _rates(self, _: object) -> object:
        self._refuse()
        return type("Rates", (), {"gpu": 50})

    def _energy(self, _: object) -> int:
        self._refuse()
        self._millijoules += 30_000
        return self._millijoules


def test_gpu_is_measured_while_the_chain_flows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy share and energy are those of the time that is asked for, not of all that was measured."""
    _Nvml(monkeypatch, tells=True)
    with GpuMeter() as meter:
        pass
    assert meter.figures(0.0, math.inf) == {"busy_share": 0.5, "memory_used_bytes_max": 3 << 30, "energy_j": 30.0}
    assert meter.figures(math.inf, math.inf) == {
        "busy_share": None,
        "memory_used_bytes_max": 3 << 30,
        "energy_j": None,
    }


def test_gpu_that_is_shared_out_tells_less(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that tells neither its load nor its energy, as a part of one does not, is no error: nothing is made up."""
    _Nvml(monkeypatch, tells=False)
    with GpuMeter() as meter:
        pass
    assert meter.figures(0.0, math.inf) == {
        "busy_share": None,
        "memory_used_bytes_max": 3 << 30,
        "energy_j": None,
    }
