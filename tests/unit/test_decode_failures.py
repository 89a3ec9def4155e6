"""What cannot be decoded at all, or not to the end: a failing disk, no frame, random corruption."""

from io import BufferedReader, BytesIO
from pathlib import Path

import pytest

from stream.errors import SourceError
from stream.pipeline.facts import SourceDamaged
from stream.pipeline.stage import drive
from stream.sources.clip import Clip
from stream.sources.local import LocalFile
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import read_facts
from stream.video.packets import packets
from tests.support.clips import (
    Decoded,
    ShownPicture,
    cut,
    decode,
    flip_bits,
    make_clip,
    remux,
)


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_a_failing_disk_ends_the_clip_and_keeps_what_came(tmp_path: Path, ending: str) -> None:
    """An I/O error in the middle is damage at the end, with the system's reason, also where no index tells of more."""
    path = make_clip(tmp_path / f"clip.{ending}", b_frames=2)
    intact, facts = decode(path), read_facts(open_clip(str(path)))
    source = _FailingSource(str(path), path.stem, LocalFile(path), 0, path.stat().st_size)
    stage, decoded = Decode(source.name, facts), Decoded()
    for item in packets(source):
        decoded.add(stage.on_item(item))
    assert 0 < len(decoded.pictures) < 30
    assert decoded.digests == intact.digests[: len(decoded.digests)]
    assert decoded.items[-1] is decoded.damage[-1]
    assert "breaks off: Input/output error" in decoded.damage[-1].reason
    if ending == "mp4":
        assert len(decoded.pictures) + stage.end("end_of_stream").packets_lost == 30
        assert stage.end("end_of_stream").decoded_s == pytest.approx(1.0)


class _FailingDisk(BytesIO):
    """Fails on reading anything behind its first 60 %."""

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > 0.6 * len(self.getvalue()):
            raise OSError(5, "Input/output error")
        return super().read(min(size or 0, 1000))


class _FailingSource(Clip):
    def open(self) -> BufferedReader:
        data = self.file.on_disk().read_bytes()
        return _FailingDisk(data)  # type: ignore[return-value]  # a file object, as libav needs one


def test_a_clip_without_one_picture_is_refused(tmp_path: Path, clip: Path) -> None:
    """All frames lost is an input error, both when the facts are asked for and when decoding comes to its end."""
    facts = read_facts(open_clip(str(clip)))
    nothing = remux(clip, tmp_path / "nothing.mp4", without={0, 10, 20})
    with pytest.raises(SourceError, match=r"nothing\.mp4 contains no picture that can be decoded"):
        read_facts(open_clip(str(nothing)))
    undecodable = drive(Decode("nothing.mp4", facts), packets(open_clip(str(nothing))))
    with pytest.raises(SourceError, match=r"nothing\.mp4 contains no picture that can be decoded"):
        list(undecodable)


@pytest.mark.parametrize("ending", ["mp4", "mkv", "ts", "hevc"])
def test_random_corruption_gives_pictures_damage_or_an_input_error(tmp_path: Path, ending: str) -> None:
    """Whatever bits are flipped and wherever the file ends: time only grows, and damage ends where a picture begins."""
    path = make_clip(tmp_path / f"clip.{ending}", frames=20, b_frames=2)
    outcomes = set()
    for seed in range(20):
        broken = flip_bits(path, tmp_path / f"broken.{ending}", flips=1 + seed % 7 * 5, seed=seed)
        if seed % 2:
            broken = cut(broken, broken, 0.3 + seed / 30)
        try:
            decoded = decode(broken)
        except SourceError:
            outcomes.add("refused")
            continue
        outcomes.add("damaged" if decoded.damage else "whole")
        assert decoded.times_s == sorted(set(decoded.times_s))
        assert [picture.index for picture in decoded.pictures] == list(range(decoded.end.frames))
        for item, following in zip(decoded.items, decoded.items[1:], strict=False):
            if isinstance(item, SourceDamaged):
                assert isinstance(following, ShownPicture)  # adjacent damage is reported as one
                assert item.t_start_s <= item.t_end_s == following.t_s
    assert len(outcomes) > 1
