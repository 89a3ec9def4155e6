"""Headers that claim too much: sizes, streams, turns, depths. They cost no memory, and what is real is decoded."""

import struct
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest

from stream.errors import ExitCode, SourceError, UsageError
from stream.geometry.frame_format import frame_format_of
from stream.geometry.lenses.table import intrinsics_from
from stream.pipeline.items import EncoderFrame, Keyframe
from stream.pipeline.stage import Pipeline, drive
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.stages.rectify import Rectify
from stream.video.container import read_facts
from stream.video.packets import packets
from stream.video.writer import Coding, Tags, VideoTiming, video_writer
from tests.support.clips import decode, join_streams, make_audio, make_clip
from tests.support.hostile import box, patched, with_coded_size
from tests.support.inline import run_inline
from tests.support.runs import DEADLINE_S, INTRINSICS

_MEMORY_BYTES = 2 << 30


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures of H.265 and nothing around them."""
    return make_clip(tmp_path_factory.mktemp("bare") / "bare.hevc", frames=5)


def test_the_coded_size_can_be_rewritten(bare: Path, tmp_path: Path) -> None:
    """What the tests below rest on: with the size that it has a stream is as it was."""
    same = with_coded_size(bare, tmp_path / "same.hevc", 128, 96)
    assert same.read_bytes() == bare.read_bytes()


@pytest.mark.parametrize("size", [(30_000, 30_000), (65_536, 8), (16_384, 8_192), (8_192, 8_192)])
def test_a_huge_picture_is_refused_with_the_limit(bare: Path, tmp_path: Path, size: tuple[int, int]) -> None:
    """Whatever the stream claims, it is refused by one sentence that says what can be read."""
    path = with_coded_size(bare, tmp_path / "huge.hevc", *size)
    with pytest.raises(SourceError, match=r"at most 16384 .* and 35651584 in all can be"):
        read_facts(open_clip(str(path)))


def test_a_huge_picture_takes_no_memory(bare: Path, tmp_path: Path) -> None:
    """In a process that may have little memory the refusal is the same: exit 3, not 6."""
    path = with_coded_size(bare, tmp_path / "huge.hevc", 16_384, 8_192)
    code = textwrap.dedent(f"""
        import resource
        resource.setrlimit(resource.RLIMIT_AS, ({_MEMORY_BYTES}, {_MEMORY_BYTES}))
        from stream.errors import exit_code_of
        from stream.video.container import read_facts
        from stream.sources.table import open_clip
        try:
            read_facts(open_clip({str(path)!r}))
        except Exception as error:
            status = dict(line.split(":", 1) for line in open("/proc/self/status"))  # ru_maxrss knows the parent's, too
            print(int(exit_code_of(error)), status["VmHWM"].split()[0])
    """)
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=DEADLINE_S
    ).stdout
    exit_code, used_kib = map(int, output.split())
    assert exit_code == ExitCode.INPUT
    assert used_kib < 300 * 1024


def test_a_container_that_claims_a_huge_picture_is_corrected_by_the_stream(tmp_path: Path) -> None:
    """An MP4 whose tables say 30000x30000 around a stream of 128x96 is decoded as what it is."""
    clip = make_clip(tmp_path / "clip.mp4", frames=5)
    track, entry = box(clip, b"tkhd"), box(clip, b"stsd") + 16
    shown, coded = struct.pack(">II", 30_000 << 16, 30_000 << 16), struct.pack(">HH", 30_000, 30_000)
    path = patched(clip, tmp_path / "claims.mp4", (track + 76, shown), (entry + 24, coded))
    facts = read_facts(open_clip(str(path)))
    assert (facts.width_px, facts.height_px) == (128, 96)
    assert decode(path).digests == decode(clip).digests


_FIXED = 1 << 16
_MATRICES: dict[str, tuple[tuple[int, int, int, int], int]] = {
    "upright": ((_FIXED, 0, 0, _FIXED), 0),
    "a quarter": ((0, _FIXED, -_FIXED, 0), 90),
    "mirrored": ((-_FIXED, 0, 0, _FIXED), 180),
    "an eighth and a bit": ((42_000, 50_000, -50_000, 42_000), 90),
    "zeros": ((0, 0, 0, 0), 0),
    "ones": ((-1, -1, -1, -1), 180),
}
"""Of a track header, the part that turns (ISO/IEC 14496-12, 8.3.2), and the degrees clockwise that it comes to."""


@pytest.mark.parametrize("name", _MATRICES)
def test_a_turn_is_a_quarter_turn_for_everyone(tmp_path: Path, name: str) -> None:
    """Header and pictures agree on which way is up for any display matrix; otherwise the lens would not fit."""
    clip = make_clip(tmp_path / "clip.mp4", frames=3)
    (a, b, c, d), turn_deg = _MATRICES[name]
    matrix = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path = patched(clip, tmp_path / "turned.mp4", (box(clip, b"tkhd") + 40, matrix))
    source = open_clip(str(path))
    facts = read_facts(source)
    assert facts.rotation_deg == turn_deg
    with av.open(str(path)) as container:
        frame_format = frame_format_of(next(container.decode(video=0)))
    assert frame_format.upright_size == (facts.display_width_px, facts.display_height_px)
    shape = {"image_width": facts.display_width_px, "image_height": facts.display_height_px}
    chain = Pipeline([Decode(source.name, facts), Rectify(intrinsics_from({**INTRINSICS, **shape}))])
    assert sum(isinstance(item, EncoderFrame) for item in drive(chain, packets(source))) == 3


def _encoded(path: Path, codec: str, pixel_format: str, width_px: int, height_px: int) -> Path:
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = cast("av.VideoStream", container.add_stream(codec, rate=30))
        stream.width, stream.height, stream.pix_fmt = width_px, height_px, pixel_format
        stream.options = {"x265-params": "log-level=none:pools=none:frame-threads=1"} if codec == "libx265" else {}
        for _ in range(3):
            noise = rng.integers(0, 255, (height_px, width_px, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("ending", "codec", "pixel_format", "width_px", "height_px"),
    [
        ("mp4", "libx265", "gray", 64, 64),
        ("mp4", "libx265", "yuv422p10le", 64, 64),
        ("mp4", "libx265", "gbrp", 64, 64),
        ("mkv", "ffv1", "rgb48le", 64, 64),
        ("mkv", "ffv1", "yuva444p", 64, 64),
        ("mkv", "ffv1", "gray16le", 7, 3),
        ("avi", "mjpeg", "yuvj420p", 1, 1),
        ("avi", "mjpeg", "yuvj420p", 3, 5),
        ("mkv", "ffv1", "yuv420p", 2000, 1),
        ("mkv", "mpeg4", "yuv420p", 2, 4000),
        ("mp4", "libx264", "yuv420p", 2, 2),
    ],
)
def test_pictures_of_any_kind_become_frames(  # each argument is one property of a clip
    tmp_path: Path, ending: str, codec: str, pixel_format: str, width_px: int, height_px: int
) -> None:
    """Grey, 4:2:2 with ten bits, RGB, with transparency; a pixel, a line: every picture gives its frame."""
    path = _encoded(tmp_path / f"clip.{ending}", codec, pixel_format, width_px, height_px)
    source = open_clip(str(path))
    chain = Pipeline([Decode(source.name, read_facts(source)), Rectify(None)])
    items = list(drive(chain, packets(source)))
    assert sum(isinstance(item, EncoderFrame) and item.rgb.shape == (256, 256, 3) for item in items) == 3
    assert sum(isinstance(item, Keyframe) for item in items) == 1


def test_samples_of_too_many_bits_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libav converts not all formats beyond 16 bits; they are refused before the run, by a sentence."""
    clip = make_clip(tmp_path / "clip.mp4", frames=1)
    monkeypatch.setattr("stream.video.container.MAX_BITS", 7)
    with pytest.raises(SourceError, match=r"samples of 8 bits \(yuv420p\): at most 7 can be read"):
        read_facts(open_clip(str(clip)))


def test_of_very_many_streams_one_is_chosen(tmp_path: Path) -> None:
    """A file of two hundred video streams is read as its first and largest."""
    small, large = (make_clip(tmp_path / f"{side}.mp4", frames=2, width_px=side, height_px=64) for side in (64, 128))
    path = join_streams([large] + [small] * 199, tmp_path / "many.mkv", default=None)
    assert read_facts(open_clip(str(path))).width_px == 128
    assert len(decode(path).pictures) == 2


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    """No video stream, no run."""
    with pytest.raises(SourceError, match="has no video stream, only: audio"):
        read_facts(open_clip(str(make_audio(tmp_path / "sound.mp4"))))


@pytest.mark.parametrize("size", [(34, 16), (130, 30)])
def test_x265_gets_no_picture_that_it_would_write_beyond(tmp_path: Path, size: tuple[int, int]) -> None:
    """Of such low pictures the encoder of the rectified video corrupts its memory: they are refused instead."""
    writer = video_writer(
        tmp_path / "out.mp4", Coding(), size, Tags(2, 0, 2, 2), VideoTiming(Fraction(1, 90_000), Fraction(30))
    )
    with pytest.raises(UsageError, match=f"libx265 does not take pictures of {size[0]}x{size[1]}"), writer:
        pass


def test_the_limit_is_printed(bare: Path, tmp_path: Path) -> None:
    """The program exits with 3 and one line."""
    path = with_coded_size(bare, tmp_path / "huge.hevc", 30_000, 30_000)
    result = run_inline(path, "--no-rectify", "--encoder", "grid", "--out", tmp_path / "runs")
    assert result.returncode == ExitCode.INPUT
    assert "at most 16384 pixels a side" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "runs").exists()
