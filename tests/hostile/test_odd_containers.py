"""Real files that break readers, each with what is to come out of it; and two long clips of the data set's shape."""

from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from stream.errors import SourceError
from stream.pipeline.items import Picture
from stream.pipeline.stage import drive
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.facts import StreamFacts
from stream.video.packets import packets
from tests.support.clips import decode
from tests.support.rectified import FINE, assert_rectified, calibration, frames_of, invoke

_DATA = Path(__file__).parents[2].parent / "shared" / "data"
_ODD = _DATA / "odd_containers"
_TAR = _DATA / "egocentric100k_like" / "factory001" / "worker001" / "part000.tar"

pytestmark = pytest.mark.skipif(not _DATA.is_dir(), reason=f"the real files are not at {_DATA}")


@dataclass(frozen=True)
class Expected:
    """What one file gives."""

    frames: int
    decoded_s: float
    codec: str
    size_px: tuple[int, int]
    bit_depth: int = 8
    rotation_deg: int = 0
    damage_s: tuple[tuple[float, float], ...] = ()


_FILES = {
    "decord_corrupted.mp4": Expected(48, 5.0, "h264", (1280, 720), damage_s=((3.0, 3.1), (3.2, 3.3))),
    "decord_video_0.mov": Expected(3, 0.1, "h264", (568, 320)),
    "decord_video_90.mov": Expected(3, 0.1, "h264", (568, 320), rotation_deg=90),
    "exo_dolbyVision-hdr.MOV": Expected(4, 4 / 30, "hevc", (1280, 720), bit_depth=10, rotation_deg=90),
    "exo_hdr10-video-with-sdr-container.mp4": Expected(28, 1.0174, "hevc", (1920, 1080), bit_depth=10),
    "exo_sample_android_slow_motion.mp4": Expected(7, 47281 / 90000, "h264", (1280, 720)),
    "exo_sample_h265.ts": Expected(30, 1.0, "hevc", (854, 480)),
    "exo_sample_mdat_too_long.mp4": Expected(30, 1.001, "h264", (1080, 720)),
    "exo_sample_partially_fragmented.mp4": Expected(30, 1.001, "h264", (1080, 720)),
    "tc_h265_10bits.mp4": Expected(30, 1.0, "hevc", (200, 200), bit_depth=10),
    "tc_h265_video.mp4": Expected(10, 1.0, "hevc", (128, 128)),
    "tc_nasa_2video_2audio_2subs.mp4": Expected(390, 13.013, "h264", (480, 270)),
}


def _facts(path: Path) -> StreamFacts:
    return read_facts(open_clip(str(path)))


def _decoded_by_libav(path: Path) -> int:
    with av.open(str(path)) as container:
        stream = container.streams.best("video")
        assert isinstance(stream, av.VideoStream)
        return sum(1 for _ in container.decode(stream))


@pytest.mark.parametrize("name", _FILES)
def test_an_odd_file_gives_what_is_in_it(name: str) -> None:
    """Frames, length, damage, size, depth and rotation are those of the stream, not the container's claims."""
    expected, decoded, facts = _FILES[name], decode(_ODD / name), _facts(_ODD / name)
    assert decoded.end.frames == len(decoded.times_s) == expected.frames
    assert decoded.end.decoded_s == pytest.approx(expected.decoded_s, abs=1e-4)
    spans = [pytest.approx(span) for span in expected.damage_s]
    assert [(damage.t_start_s, damage.t_end_s) for damage in decoded.damage] == spans
    assert decoded.end.packets_lost == len(expected.damage_s)
    assert (facts.codec, facts.width_px, facts.height_px) == (expected.codec, *expected.size_px)
    assert (facts.bit_depth, facts.rotation_deg) == (expected.bit_depth, expected.rotation_deg)


@pytest.mark.parametrize("name", [name for name, expected in _FILES.items() if not expected.damage_s])
def test_an_intact_file_gives_as_many_frames_as_libav(name: str) -> None:
    """Where nothing is damaged, libav's own loop over the container counts the same."""
    assert _decoded_by_libav(_ODD / name) == _FILES[name].frames


def test_an_error_in_the_middle_costs_its_own_pictures_only() -> None:
    """Of 50 packets one can't be decoded and one is marked corrupt; libav's own loop ends at the first of them."""
    decoded = decode(_ODD / "decord_corrupted.mp4")
    assert [damage.packets for damage in decoded.damage] == [1, 1]
    assert "Invalid data" in decoded.damage[0].reason
    assert "marked corrupt" in decoded.damage[1].reason
    assert decoded.times_s[-1] == pytest.approx(4.9)
    with pytest.raises(av.error.InvalidDataError):
        _decoded_by_libav(_ODD / "decord_corrupted.mp4")


def test_an_undecodable_file_is_refused() -> None:
    """A stream without one picture is an error that says so, not an empty result."""
    with pytest.raises(SourceError, match="no picture that can be decoded"):
        decode(_ODD / "exo_invalid-bitstream.webm")


def test_real_variable_rate_keeps_its_times() -> None:
    """Gaps of 2997, 2998, 4649 and 8992 ticks of 1/90000 s, as a phone wrote them, come out as they are."""
    times_s = decode(_ODD / "exo_hdr10-video-with-sdr-container.mp4").times_s
    gaps = {round((later - earlier) * 90_000) for earlier, later in pairwise(times_s)}
    assert gaps == {2997, 2998, 4649, 8992}


def test_what_an_edit_list_cuts_away_leaves_no_gap_between_rounds() -> None:
    """Of five packets a phone's edit list shows four: the next round begins where the fourth ends."""
    path = _ODD / "exo_dolbyVision-hdr.MOV"
    items = islice(packets(open_clip(str(path)), loop=True), 12)
    assert decode(path, items).times_s == pytest.approx([index / 30 for index in range(8)])


def test_a_transport_stream_starts_at_zero() -> None:
    """A first PTS of 1.467 s is a fact of the container; the stream's time begins with its first frame."""
    assert _facts(_ODD / "exo_sample_h265.ts").start_pts == 132_000
    assert decode(_ODD / "exo_sample_h265.ts").times_s[0] == 0.0


def test_the_default_stream_of_several_is_taken() -> None:
    """Of two video streams, both marked default, the larger one is the clip."""
    facts = _facts(_ODD / "tc_nasa_2video_2audio_2subs.mp4")
    assert (facts.width_px, facts.display_width_px, facts.declared_frames) == (480, 480, 390)


@pytest.mark.parametrize(
    ("number", "frames", "decoded_s"), [("0000", 5700, 190.0), ("0001", 4500, 150.0)], ids=["190 s", "150 s"]
)
def test_a_long_clip_in_a_tar_is_decoded_whole(number: str, frames: int, decoded_s: float) -> None:
    """Every frame of the clip comes out of the tar, at its time, with no damage."""
    source = open_clip(f"{_TAR}::factory_001_worker_001_{number}.mp4")
    stage = Decode(source.name, read_facts(source))
    decoded = [(item.index, item.t_s) for item in drive(stage, packets(source)) if isinstance(item, Picture)]
    end = stage.end("end_of_stream")
    assert [index for index, _ in decoded] == list(range(frames))
    assert [t_s for _, t_s in decoded] == pytest.approx([index / 30 for index in range(frames)])
    assert (end.frames, end.packets_lost) == (frames, 0)
    assert end.decoded_s == pytest.approx(decoded_s)


@pytest.mark.parametrize(
    ("name", "size", "least_db"),
    [
        ("tc_h265_10bits.mp4", (200, 200), 33.0),
        ("tc_h265_video.mp4", (128, 128), 36.0),
        ("exo_sample_h265.ts", (854, 480), 36.0),
        ("exo_sample_android_slow_motion.mp4", (1280, 720), 36.0),
        ("decord_video_90.mov", (320, 568), 36.0),
    ],
)
def test_a_rectified_file_keeps_times_and_looks_as_keyframes_do(
    name: str, size: tuple[int, int], least_db: float, tmp_path: Path
) -> None:
    """10 bit, B-frames, MPEG-TS from 1.467 s on, variable rate, full range and rotation are rectified correctly.

    The first one's colours change from pixel to pixel, and a keyframe's chroma is interpolated twice, a video's once.
    """
    lens = calibration(tmp_path, *size)
    result = invoke(_ODD / name, "--intrinsics", lens, "--out", tmp_path / "out", *FINE)
    assert result.exit_code == 0
    video = tmp_path / "out" / f"{Path(name).stem}_rectified.mp4"
    assert_rectified(_ODD / name, lens, video, least_db)
    (first, *_) = frames_of(video)
    assert (first.width, first.height) == size
