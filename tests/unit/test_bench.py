"""``bench``: its clips, its figures of a GPU, and the sequential baseline."""

import math
from pathlib import Path

import numpy as np
import pytest

from models.memory import gpu
from stream.bench import baseline, device
from stream.bench.clips import bench_clip
from stream.bench.device import GpuMeter
from stream.commands.bench import settled
from stream.config import Options
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import make_clip
from tests.support.runs import write_intrinsics


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Four seconds of moving texture, with its calibration beside it."""
    write_intrinsics(tmp_path)
    return make_clip(tmp_path / "clip.mp4", frames=120)


def test_baseline_takes_the_runs_view(clip: Path) -> None:
    """How much of the rectified field is kept is the run's own choice in both ways."""
    source = open_clip(str(clip))
    facts, picture = read_facts(source), np.full((96, 128, 3), 255, np.uint8)
    lens = Options(source=str(clip)).replace({"lens.intrinsics": source.intrinsics_path()})
    short, whole = (
        baseline.rectifier(facts, lens.replace({"lens.balance": balance}))(picture) for balance in (0.0, 1.0)
    )
    assert short.min() > 0
    assert whole.min() == 0


def test_baseline_takes_the_chains_windows(clip: Path) -> None:
    """The usual way's windows are 64 consecutive whole frames, one every stride; or by time, as the chain's."""
    options = Options(source=str(clip)).replace({"lens.rectify": False})
    windows = list(baseline.windows(open_clip(str(clip)), options))
    assert [window.shape for window in windows] == [(64, 96, 128, 3)] * 2
    np.testing.assert_array_equal(windows[0][30:], windows[1][:34])
    sparse = list(baseline.windows(open_clip(str(clip)), options.replace({"window.preset": "16@8"})))
    np.testing.assert_array_equal(sparse[0][4], windows[0][15])


@pytest.mark.slow
def test_rendered_clip_has_the_requested_length(tmp_path: Path) -> None:
    """A clip longer than what is rendered repeats it."""
    facts = read_facts(open_clip(str(bench_clip(tmp_path, "456x256", 0.5))))
    assert (facts.width_px, facts.height_px, facts.declared_s) == (456, 256, 0.5)


@pytest.mark.slow
def test_ceiling_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A matrix product takes some time on any device."""
    monkeypatch.setattr(device, "_SIDES", {"cpu": (64,), "cuda": (64,)})
    assert 0 < device.measure("float32") < 1e16


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
    """Busy share and energy are those of the time that is requested, not of all that was measured."""
    _Nvml(monkeypatch, tells=True)
    with GpuMeter() as meter:
        pass
    assert meter.figures(0.0, math.inf) == {"busy_share": 0.5, "memory_used_bytes_max": 3 << 30, "energy_j": 30.0}
    assert meter.figures(math.inf, math.inf) == {
        "busy_share": None,
        "memory_used_bytes_max": 3 << 30,
        "energy_j": None,
    }


def test_shared_gpu_reports_fewer_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that tells neither its load nor its energy, as a part of one does not, is no error: nothing is made up."""
    _Nvml(monkeypatch, tells=False)
    with GpuMeter() as meter:
        pass
    assert meter.figures(0.0, math.inf) == {
        "busy_share": None,
        "memory_used_bytes_max": 3 << 30,
        "energy_j": None,
    }
