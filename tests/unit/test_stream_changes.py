"""Pictures that change in mid-stream: times stay right, pictures of the same scene are kept, others are damage."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from stream.geometry.camera import fit_camera
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.viewport import encoder_view, keyframe_view
from stream.pipeline.codec import pack, unpack
from stream.pipeline.items import EncoderFrame, Item, Keyframe, Packet, Picture, SourceEvent
from stream.pipeline.stage import Pipeline, drive
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.stages.rectify import Rectify
from stream.video.container import read_facts
from stream.video.nal_units import NalUnits, OwnParameterSets
from stream.video.packets import packets
from tests.support.changing import REPEATED, joined, part
from tests.support.clips import ShownPicture, decode, repacked
from tests.unit.test_decode_seek import goes_on, parts

ENDINGS = ("mp4", "mkv", "ts", "hevc")

CHANGES: dict[str, dict[str, Any]] = {
    "half the size": {"width_px": 80, "height_px": 48},
    "larger, with rounded sides": {"width_px": 214, "height_px": 128},
    "10 bit": {"pixel_format": "yuv420p10le"},
    "4:4:4": {"pixel_format": "yuv444p"},
    "full range, BT.709": {"x265": f"{REPEATED}:range=full:colormatrix=bt709"},
    "10 bit 4:2:2 of half the size": {"width_px": 80, "height_px": 48, "pixel_format": "yuv422p10le"},
}
"""All show the same aspect ratio."""
OTHER_SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "square": ({"width_px": 96}, "96x96"),
    "upright": ({"width_px": 96, "height_px": 160}, "96x160"),
    "fields": ({"height_px": 48}, "160x48"),
    "square, 10 bit": ({"width_px": 96, "pixel_format": "yuv420p10le"}, "96x96"),
}

LENS = KannalaBrandt(
    model="fisheye", image_width=160, image_height=96, fx=50, fy=50, cx=80, cy=47, k1=0.1, k2=0.02, k3=0.0, k4=0.0
)


class Joined(Protocol):
    """Two thirds of a second each, in the container of that ending: 160x96, changed, 160x96."""

    def __call__(self, ending: str, **change: Any) -> Path: ...  # noqa: ANN401 - properties of a clip


@pytest.fixture(scope="module")
def there_and_back(tmp_path_factory: pytest.TempPathFactory) -> Joined:
    """Each part and each clip is made once."""
    folder = tmp_path_factory.mktemp("changes")

    @cache
    def changed(change: tuple[tuple[str, Any], ...]) -> Path:
        return part(folder / f"part{len(list(folder.iterdir()))}.mp4", **dict(change))

    @cache
    def clip(ending: str, change: tuple[tuple[str, Any], ...]) -> Path:
        parts_of = [changed(()), changed(change), changed(())]
        return joined(folder / f"clip{len(list(folder.iterdir()))}.{ending}", parts_of)

    return lambda ending, **change: clip(ending, tuple(change.items()))


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("change", CHANGES)
def test_the_same_aspect_ratio_continues(there_and_back: Joined, change: str, ending: str) -> None:
    """No picture is lost, and each is at its time."""
    decoded = decode(there_and_back(ending, **CHANGES[change]))
    assert decoded.damage == []
    assert decoded.times_s == pytest.approx([index / 30 for index in range(60)], abs=1e-3)
    assert decoded.digests[40:] == decoded.digests[:20]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("change", OTHER_SHAPES)
def test_another_aspect_ratio_is_damage_at_its_times(there_and_back: Joined, change: str, ending: str) -> None:
    """The stretch is damage that names both sizes, and what follows is where it was, also without timestamps."""
    properties, size = OTHER_SHAPES[change]
    decoded = decode(there_and_back(ending, **properties))
    (damage,) = decoded.damage
    assert (damage.t_start_s, damage.t_end_s) == pytest.approx((20 / 30, 40 / 30), abs=1e-3)
    assert damage.reason == f"the picture changes from 160x96 to {size}, another aspect ratio"
    assert (damage.packets, decoded.end.packets_lost) == (20, 20)
    intact = [*range(20), *range(40, 60)]
    assert decoded.times_s == pytest.approx([index / 30 for index in intact], abs=1e-3)
    assert decoded.digests[20:] == decoded.digests[:20]
    assert decoded.end.decoded_s == pytest.approx(2.0, abs=2e-3)


@pytest.mark.parametrize("ending", ["mp4", "ts", "hevc"])
def test_a_change_of_rate_keeps_the_frames_times(tmp_path: Path, ending: str) -> None:
    """From 30 to 15 pictures a second and back: times are the pictures' own."""
    fast, slow = part(tmp_path / "30.mp4", b_frames=0), part(tmp_path / "15.mp4", b_frames=0, fps=15, frames=10)
    decoded = decode(joined(tmp_path / f"clip.{ending}", [fast, slow, fast]))
    assert decoded.damage == []
    expected = [*np.arange(20) / 30, *(20 / 30 + np.arange(10) / 15), *(40 / 30 + np.arange(20) / 30)]
    assert decoded.times_s == pytest.approx(expected, abs=1e-3)


_QUARTER_TURN, _HALF_TURN = bytes.fromhex("4e012f0308001880"), bytes.fromhex("4e012f0310001880")
_NO_TURN = bytes.fromhex("4e012f01c080")
"""SEI messages of the display orientation: 90 and 180 degrees counterclockwise, and none (ITU-T H.265, D.2.17)."""


def turned(clip: Path, message: bytes) -> Iterator[Packet | SourceEvent]:
    """The packets of a clip; the message comes before packet 20, and is cancelled before packet 40."""
    messages = {20: message, 40: _NO_TURN}
    for number, item in enumerate(packets(open_clip(str(clip)))):
        if isinstance(item, Packet) and (unit := messages.get(number)):
            yield repacked(item, (len(unit).to_bytes(4, "big") + unit).__add__)
        else:
            yield item


def test_pictures_turned_by_a_quarter_are_damage(tmp_path: Path) -> None:
    """A display orientation of 90 degrees makes an upright picture, which fits neither lens nor keyframes."""
    clip = part(tmp_path / "clip.mp4", frames=60)
    decoded = decode(clip, turned(clip, _QUARTER_TURN))
    (damage,) = decoded.damage
    assert damage.reason == "the picture changes from 160x96 to 96x160, another aspect ratio"
    assert (damage.t_start_s, damage.t_end_s, damage.packets) == pytest.approx((20 / 30, 40 / 30, 20))


def test_pictures_turned_upside_down_are_turned_back(tmp_path: Path) -> None:
    """A display orientation of 180 degrees is taken out, and the encoder frame shows what it would have shown."""
    clip = part(tmp_path / "clip.mp4", frames=60)
    source = open_clip(str(clip))
    frames = [
        item.rgb
        for item in drive(Pipeline([Decode("clip", read_facts(source)), Rectify(None)]), turned(clip, _HALF_TURN))
        if isinstance(item, EncoderFrame)
    ]
    plain = [item.rgb for item in _rectified(clip, None) if isinstance(item, EncoderFrame)]
    assert len(frames) == 60
    np.testing.assert_array_equal(frames[19], plain[19])
    np.testing.assert_array_equal(frames[40], plain[40])
    difference = np.abs(np.rot90(frames[25], 2).astype(float) - plain[25])
    assert np.median(difference) < 12.0  # the crop is off the centre by a pixel


def _rectified(clip: Path, lens: Intrinsics | None) -> list[Item]:
    source = open_clip(str(clip))
    return list(drive(Pipeline([Decode(source.name, read_facts(source)), Rectify(lens)]), packets(source)))


@pytest.mark.parametrize("lens", [LENS, None], ids=["rectified", "as it is"])
@pytest.mark.parametrize("change", ["half the size", "10 bit 4:2:2 of half the size"])
def test_encoder_frames_and_keyframes_keep_size_and_view(
    there_and_back: Joined, change: str, lens: Intrinsics | None
) -> None:
    """The changed stretch is rectified by the calibration scaled to it, and shows what the others show."""
    items = _rectified(there_and_back("mp4", **CHANGES[change]), lens)
    frames = [item.rgb.astype(float) for item in items if isinstance(item, EncoderFrame)]
    assert len(frames) == 60
    assert {(item.width, item.height) for item in items if isinstance(item, Keyframe)} == {(160, 96)}
    np.testing.assert_array_equal(frames[3], frames[43])
    smooth = Rectify(lens)
    gradient, reduced = (_gradient(width, height) for width, height in ((160, 96), (80, 48)))
    encoder_frames = [_encoder_frame(smooth, frame) for frame in (gradient, reduced)]
    assert np.abs(encoder_frames[0] - encoder_frames[1]).max() <= 6.0
    assert np.abs(encoder_frames[0] - encoder_frames[1]).mean() <= 1.0


def _gradient(width_px: int, height_px: int) -> Picture:
    """A picture that is brighter to the right, darker below: a shift of a pixel would show."""
    import av

    across, down = (np.arange(width_px) + 0.5) / width_px, (np.arange(height_px) + 0.5) / height_px
    grey = np.rint(255 * (0.5 + (across[None] - down[:, None]) / 2)).astype(np.uint8)
    frame = av.VideoFrame.from_ndarray(np.repeat(grey[..., None], 3, axis=2), format="rgb24")
    return Picture(0, 0.0, 1 / 30, frame.reformat(format="yuv420p"))


def _encoder_frame(stage: Rectify, picture: Picture) -> np.ndarray:
    return next(item.rgb.astype(float) for item in stage.on_item(picture) if isinstance(item, EncoderFrame))


def test_the_lens_scales_as_the_picture_does() -> None:
    """The resized camera is that of a clip of that size, and its views show the same rays."""
    camera = fit_camera(LENS, 160, 96)
    resized, fitted = camera.resized(320, 192), fit_camera(LENS, 320, 192)
    np.testing.assert_allclose(resized.k, fitted.k)
    np.testing.assert_allclose(resized.new_k, fitted.new_k, atol=1.5)  # OpenCV places the centre differently by a pixel
    for view in (encoder_view(160, 96, 256), keyframe_view(160, 96, 100)):
        scaled = view.of_resized((160, 96), (320, 192))
        assert (scaled.width, scaled.height) == (view.width, view.height)
        np.testing.assert_allclose(scaled.matrix @ resized.new_k, view.matrix @ camera.new_k, atol=1e-9)


def test_formats_are_recorded_with_their_first_time(tmp_path: Path) -> None:
    """The facts are those of the first picture; each other format is named once."""
    whole, half = part(tmp_path / "whole.mp4"), part(tmp_path / "half.mp4", width_px=80, height_px=48)
    clip = joined(tmp_path / "clip.mp4", [whole, half, whole, half])
    source = open_clip(str(clip))
    stage = Rectify(LENS)
    list(drive(Pipeline([Decode(source.name, read_facts(source)), stage]), packets(source)))
    facts = stage.facts()["rectification"]
    assert (facts["width"], facts["height"]) == (160, 96)
    (other,) = facts["other_formats"]
    assert (other["width"], other["height"], other["first_at_s"]) == (80, 48, pytest.approx(20 / 30))


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "hevc"])
@pytest.mark.parametrize("change", [{"width_px": 80, "height_px": 48}, {"width_px": 96}], ids=["half", "square"])
def test_a_restored_stage_continues_in_every_stretch(
    there_and_back: Joined, change: dict[str, Any], ending: str
) -> None:
    """From any picture on, what is decoded and rectified is what the whole clip gives there."""
    clip = there_and_back(ending, **change)
    _assert_resumes(clip)


def _assert_resumes(clip: Path) -> None:
    whole = decode(clip)
    for head, state in list(parts(clip))[9::13]:
        last = head[-1]
        assert isinstance(last, ShownPicture)
        again = [item for item in head if isinstance(item, ShownPicture) and item.t_s >= last.t_s - 0.3]
        rest, _ = goes_on(clip, state, last.t_s - 0.3)
        assert rest.items == [*again, *whole.items[len(head) :]]


def test_a_restored_rectifier_keeps_the_clips_size(there_and_back: Joined) -> None:
    """Restored within a smaller stretch, it gives the same keyframes and facts as one that saw the clip's beginning."""
    clip = there_and_back("mp4", **CHANGES["half the size"])
    source = open_clip(str(clip))
    items = list(drive(Decode(source.name, read_facts(source)), packets(source)))
    whole, first = Rectify(LENS, keyframe_fps=30), Rectify(LENS, keyframe_fps=30)
    expected = [item for each in items for item in whole.on_item(each)]
    head = [item for each in items[:30] for item in first.on_item(each)]
    second = Rectify(LENS, keyframe_fps=30)
    second.restore(unpack(pack(first.snapshot())))
    tail = [item for each in items[30:] for item in second.on_item(each)]
    assert [_plain(item) for item in [*head, *tail]] == [_plain(item) for item in expected]
    assert second.facts() == whole.facts()


def _plain(item: Item) -> object:
    return (item.t_s, item.rgb.tobytes()) if isinstance(item, EncoderFrame) else item


def _without_sets(data: bytes) -> bytes:
    """A length-prefixed packet without its parameter sets."""
    rest, at = b"", 0
    while at < len(data):
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4] >> 1 & 0x3F not in {32, 33, 34}:
            rest += data[at:end]
        at = end
    return rest


def _sets_once(items: Iterable[Packet | SourceEvent], first: int) -> Iterator[Packet | SourceEvent]:
    """The packets without parameter sets, but for packet ``first``."""
    for number, item in enumerate(items):
        yield repacked(item, _without_sets) if isinstance(item, Packet) and number != first else item


def test_decoding_begins_only_where_the_parameter_sets_are_right(there_and_back: Joined) -> None:
    """A stretch whose parameter sets come once can be entered at its first picture alone."""
    clip = there_and_back("mkv", width_px=80, height_px=48)
    items = [item.packet for item in _sets_once(packets(open_clip(str(clip))), 20) if isinstance(item, Packet)]
    extradata = items[0].stream.codec_context.extradata
    sets = OwnParameterSets(NalUnits(extradata))
    allowed = [number for number, packet in enumerate(items) if sets.allow_entry(bytes(packet))]
    assert allowed == [0, 10, 20]
    repeated = OwnParameterSets(NalUnits(extradata))
    whole = [item.packet for item in packets(open_clip(str(clip))) if isinstance(item, Packet)]
    assert [n for n, packet in enumerate(whole) if repeated.allow_entry(bytes(packet))] == [0, 10, 20, 30, 40, 50]


@pytest.mark.parametrize("data", [b"", b"\0", b"\0\0\0\xff", b"\0\0\1", b"\0\0\0\0", b"\xff" * 9, b"\0\0\0\1" * 3])
@pytest.mark.parametrize("extradata", [None, b"", b"\1" * 22, b"\1" * 21 + b"\0", b"\0\0\1"])
def test_broken_packets_have_no_head(data: bytes, extradata: bytes | None) -> None:
    """Bytes that hold no unit are read to their end, and give nothing."""
    head = NalUnits(extradata).head(data)
    assert head.parameter_sets == ()
    assert not head.is_random_access
