"""Which decoder a clip gets: the GPU's only where it works and helps, and never silently."""

from pathlib import Path

import av
import pytest

from models.memory.gpu import Gpu
from stream.errors import UsageError
from stream.sources.clip import Clip
from stream.sources.table import open_clip
from stream.video import decoder
from stream.video.container import first_picture, read_facts
from stream.video.decoder import accelerator, choose_decoder, differences, torch_device
from stream.video.facts import StreamFacts
from tests.support.clips import make_clip


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A few pictures large enough for a GPU's decoder to be of use."""
    path = tmp_path_factory.mktemp("large") / "clip.mp4"
    return open_clip(str(make_clip(path, frames=3, width_px=1280, height_px=720)))


@pytest.fixture
def facts(large: Clip) -> StreamFacts:
    """What its container says."""
    return read_facts(large)


def packed(source: Clip) -> av.VideoFrame:
    """Its first picture as NVDEC would give it, with the time."""
    ours = first_picture(source)
    assert ours is not None
    theirs = ours.reformat(format="nv12")
    theirs.pts = ours.pts
    return theirs


def nvdec_that_gives(monkeypatch: pytest.MonkeyPatch, picture: av.VideoFrame | None) -> None:
    """An NVDEC that opens; the real one would be asked through libav."""
    real = first_picture
    monkeypatch.setattr(decoder, "nvdec_fault", lambda _: "")
    monkeypatch.setattr(decoder, "first_picture", lambda source, accel=None: picture if accel else real(source))


def test_decoder_cpu_is_used_without_a_trial(large: Clip, facts: StreamFacts) -> None:
    """Who asks for the CPU gets it, and nothing else is tried."""
    chosen = choose_decoder("cpu", large, facts)
    assert (chosen.name, chosen.fell_back) == ("cpu", False)
    assert accelerator(chosen.name, on_device=False) is None
    assert torch_device(chosen.name) is None


def test_small_pictures_stay_on_the_cpu(tmp_path: Path) -> None:
    """Small pictures cost the CPU next to nothing: auto leaves the GPU to the models, and says so."""
    source = open_clip(str(make_clip(tmp_path / "clip.mp4", frames=3)))
    chosen = choose_decoder("auto", source, read_facts(source))
    assert (chosen.name, chosen.fell_back) == ("cpu", False)
    assert "128x96 takes the CPU less than a millisecond" in chosen.reason


def test_auto_falls_back_with_the_reason(large: Clip, facts: StreamFacts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where NVDEC cannot be opened auto decodes on the CPU, and says why."""
    monkeypatch.setattr(decoder, "nvdec_fault", lambda codec: f"no card for {codec}")
    chosen = choose_decoder("auto", large, facts)
    assert (chosen.name, chosen.reason, chosen.fell_back) == ("cpu", "no NVDEC: no card for hevc", True)


def test_requested_but_missing_nvdec_is_an_error(
    large: Clip, facts: StreamFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An explicit --decoder nvdec that cannot work is an error with the reason and the alternative."""
    monkeypatch.setattr(decoder, "nvdec_fault", lambda _: "no card")
    with pytest.raises(UsageError, match=r"--decoder nvdec cannot decode .*: no card; --decoder cpu can"):
        choose_decoder("nvdec", large, facts)


def test_nvdec_proves_itself_on_the_first_picture(
    large: Clip, facts: StreamFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NVDEC is taken when its first picture is the CPU's, and refused when it is not, or when it gives none."""
    nvdec_that_gives(monkeypatch, packed(large))
    assert choose_decoder("auto", large, facts).name == "nvdec"
    late = packed(large)
    late.pts = 7
    nvdec_that_gives(monkeypatch, late)
    assert choose_decoder("auto", large, facts).reason.endswith("differs from the CPU's in time")
    nvdec_that_gives(monkeypatch, None)
    assert "gives no picture" in choose_decoder("auto", large, facts).reason


def test_formats_that_nvdec_does_not_share(tmp_path: Path) -> None:
    """Pictures of 4:2:2 are decoded on the CPU, with any GPU."""
    path = make_clip(tmp_path / "clip.mp4", frames=3, width_px=1280, height_px=720, pixel_format="yuv422p")
    source = open_clip(str(path))
    assert "its pictures are yuv422p" in choose_decoder("auto", source, read_facts(source)).reason


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv420p10le"])
def test_same_picture_in_nvdecs_format_is_the_same(tmp_path: Path, pixel_format: str) -> None:
    """8 and 10 bits: NVDEC's own pixel formats lose nothing; a single changed pixel is seen."""
    source = open_clip(str(make_clip(tmp_path / "clip.mp4", frames=2, pixel_format=pixel_format)))
    ours = first_picture(source)
    assert ours is not None
    theirs = ours.reformat(format=decoder.NVDEC_FORMATS[pixel_format])
    theirs.pts = ours.pts
    assert differences(ours, theirs) == []
    pixels = bytearray(theirs.planes[0])
    pixels[1] ^= 0x80
    theirs.planes[0].update(bytes(pixels))
    assert differences(ours, theirs) == ["pixels"]


@pytest.mark.skipif(not decoder.nvdec_fault("hevc"), reason="here NVDEC can be opened")
def test_missing_driver_is_reported_in_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an NVIDIA GPU or its driver that is said, and not what libav makes of it; with one, libav's words."""
    monkeypatch.setattr(decoder, "find_gpu", lambda: None)
    assert decoder.nvdec_fault("hevc") == "there is no NVIDIA GPU here, or no driver for it"
    monkeypatch.setattr(decoder, "find_gpu", lambda: Gpu("A card", 1, 1))
    assert decoder.nvdec_fault("hevc").startswith("CUDA's decoder cannot be opened (")
