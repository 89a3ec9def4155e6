"""Clips broken in every way, in every container, give pictures, reported damage, or one error."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import av
import numpy as np
import pytest

from stream.errors import SourceError
from stream.sources.table import open_clip
from stream.video.container import demuxed
from stream.video.frame_choice import detailed_frames, frame_at
from tests.support.clips import Decoded, decode, join_streams, make_clip
from tests.tools import fuzz
from tests.tools.mutations import FORMS, MUTATIONS, Form, cut, flip_payload, flip_structure, lie, remux, zero

_ODD = Path(__file__).parents[2].parent / "shared" / "data" / "odd_containers"
_ODD_FILES = (
    "decord_video_0.mov", "decord_video_90.mov", "exo_dolbyVision-hdr.MOV", "exo_sample_android_slow_motion.mp4",
    "exo_sample_h265.ts", "tc_h265_10bits.mp4", "tc_h265_video.mp4",
)  # fmt: skip
_FRAMES = 20
_CUTS = 50
_PARTS_HAVE_SIZES = ("mp4", "mp4-fragmented", "mkv")
"""Containers in which half a picture is known as such."""


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One clip in every container."""
    folder = tmp_path_factory.mktemp("forms")
    clip = make_clip(folder / "clip.mp4", frames=_FRAMES, b_frames=2)
    for name, form in FORMS.items():
        (folder / f"{name}{form.ending}").write_bytes(remux(clip, form))
    return {name: folder / f"{name}{form.ending}" for name, form in FORMS.items()}


def _outcome(path: Path) -> Decoded | None:
    """What is decoded, which must hold together; None if it is refused."""
    try:
        decoded = decode(path)
    except SourceError:
        return None
    assert decoded.times_s == sorted(set(decoded.times_s))
    assert [picture.index for picture in decoded.pictures] == list(range(decoded.end.frames))
    assert decoded.end.packets_lost == sum(damage.packets for damage in decoded.damage)
    spans = [(damage.t_start_s, damage.t_end_s) for damage in decoded.damage]
    assert all(start <= end <= later for (start, end), (later, _) in pairwise([*spans, (decoded.end.decoded_s, 0.0)]))
    return decoded


@pytest.mark.parametrize("name", FORMS)
def test_an_intact_clip_gives_every_picture(forms: dict[str, Path], name: str) -> None:
    """As many pictures as there are packets, and as another decoder's own loop gives; nothing is damaged."""
    decoded = decode(forms[name])
    with av.open(str(forms[name])) as container:
        assert len(decoded.pictures) == sum(1 for packet in container.demux(video=0) if packet.size) == _FRAMES
    with av.open(str(forms[name])) as container:
        assert len(decoded.pictures) == sum(1 for _ in container.decode(video=0))
    assert decoded.damage == []


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize("name", FORMS)
def test_a_broken_clip_is_decoded_damaged_or_refused(
    forms: dict[str, Path], tmp_path: Path, name: str, mutation: str
) -> None:
    """Whatever is broken: time only grows, every picture and every loss is counted, and nothing else comes of it."""
    form = FORMS[name]
    path = tmp_path / f"broken{form.ending}"
    for seed in range(8):
        path.write_bytes(MUTATIONS[mutation](forms[name], form, Random(f"{name} {mutation} {seed}")))
        decoded = _outcome(path)
        assert decoded is None or decoded.pictures


@pytest.mark.parametrize("name", _ODD_FILES)
def test_a_real_odd_file_that_is_broken_as_well(tmp_path: Path, name: str) -> None:
    """Phones' and other tools' own writing, with bits and numbers wrong: as above."""
    clip = _ODD / name
    if not clip.exists():
        pytest.skip(f"the real files are not at {_ODD}")
    form = Form("mpegts" if clip.suffix == ".ts" else "mp4", clip.suffix)
    for mutation in (cut, flip_structure, flip_payload, lie, zero):
        path = tmp_path / f"broken{clip.suffix}"
        path.write_bytes(mutation(clip, form, Random(name)))
        _outcome(path)


@pytest.mark.parametrize("name", FORMS)
def test_truncation_is_reported_at_any_place(forms: dict[str, Path], tmp_path: Path, name: str) -> None:
    """At fifty places: pictures and then damage, or a refusal; but a bare stream says nothing of its end."""
    data, whole = forms[name].read_bytes(), decode(forms[name])
    path = tmp_path / forms[name].name
    for number in range(1, _CUTS + 1):
        size = len(data) * number // (_CUTS + 1)
        path.write_bytes(data[: size - (size % 188 == 0)])  # behind a whole packet a transport stream may end
        decoded = _outcome(path)
        if decoded is None:
            continue
        assert decoded.damage or name == "annex-b"
        assert decoded.end.frames <= _FRAMES
        if name in _PARTS_HAVE_SIZES:
            assert set(decoded.digests) <= set(whole.digests)


@pytest.mark.parametrize("name", FORMS)
def test_check_rectify_of_a_broken_clip_finds_a_frame_or_reports_none(
    forms: dict[str, Path], tmp_path: Path, name: str
) -> None:
    """What ``check-rectify`` takes of a clip: from its start, from its middle, and of its own choice."""
    path = tmp_path / f"broken{FORMS[name].ending}"
    for mutation in MUTATIONS:
        path.write_bytes(MUTATIONS[mutation](forms[name], FORMS[name], Random(f"{name} {mutation} look")))
        for at_s in (0.0, 0.3, None):
            try:
                source = open_clip(str(path))
                found = detailed_frames(source, 2) if at_s is None else [frame_at(source, at_s)]
            except SourceError:
                continue
            assert all(each.frame.width > 0 for each in found)
            assert found


class _Growing:
    """A container whose streams have become more by the end of the file."""

    def demux(self, _stream: object) -> Iterator[str]:
        yield "a packet"
        raise IndexError("list index out of range")


def test_the_end_of_a_container_that_has_grown_is_an_end() -> None:
    """PyAV raises an error there that is none of libav's, or not, as the memory behind its list happens to be."""
    assert list(demuxed(_Growing(), None)) == ["a packet"]  # type: ignore[arg-type, comparison-overlap]  # it stands for one


def test_streams_may_appear_on_the_way(tmp_path: Path, forms: dict[str, Path]) -> None:
    """A transport stream that continues as one with more streams is decoded to its end."""
    more = join_streams([forms["mp4"]] * 6, tmp_path / "more.ts", default=None)
    path = tmp_path / "joined.ts"
    path.write_bytes(forms["ts"].read_bytes() + more.read_bytes())
    for _ in range(10):
        assert len(decode(path).pictures) >= _FRAMES


def test_mutations_are_decided_by_their_seed(forms: dict[str, Path]) -> None:
    """The same chance gives the same bytes, another one others: a fault that was found can be found again."""
    for name, mutation in MUTATIONS.items():
        first, again, other = (mutation(forms["mp4"], FORMS["mp4"], Random(seed)) for seed in (name, name, "other"))
        assert first == again != other


_LINES = {
    "finished": '{"event": "run.finished", "frames": 20}\n',
    "damaged": '{"event": "source.damaged"}\n{"event": "run.finished", "frames": 19}\n',
}


@pytest.mark.parametrize(
    ("code", "message", "lines", "column"),
    [
        (0, "", "finished", "whole"),
        (0, "", "damaged", "FAULT"),
        (4, "", "damaged", "damaged"),
        (4, "", "finished", "FAULT"),
        (3, "one sentence\n", "", "refused"),
        (3, "Traceback\nand more\n", "", "FAULT"),
        (70, "internal\n", "", "FAULT"),
        (-11, "", "", "FAULT"),
        (6, "no memory\n", "", "FAULT"),
        (None, "no end", "", "FAULT"),
    ],
)
def test_the_bench_counts_every_other_outcome_as_a_fault(
    tmp_path: Path, code: int | None, message: str, lines: str, column: str
) -> None:
    """A traceback, a signal, a hang, a full memory, a code that the record does not bear out."""
    (tmp_path / "events.jsonl").write_text(_LINES.get(lines, ""))
    assert fuzz.outcome(code, message, tmp_path, 20)[0] == column


def test_the_bench_counts_what_is_missing(tmp_path: Path) -> None:
    """Fewer pictures than the clip had, and no word of it: a column of its own."""
    (tmp_path / "events.jsonl").write_text(_LINES["finished"])
    assert fuzz.outcome(0, "", tmp_path, 21) == ("fewer", "")


def test_fuzzing_counts_an_unreported_hole_as_a_fault(tmp_path: Path) -> None:
    """Two seconds between two PTS of a file, and a run that ends with 0 as if there were none."""
    clip = make_clip(tmp_path / "clip.mkv", frames=40, times_s=[*np.arange(20) / 30, *(2.6 + np.arange(20) / 30)])
    (tmp_path / "events.jsonl").write_text(_LINES["finished"])
    found_s = fuzz.hole_s(clip)
    assert found_s == pytest.approx(2.6 - 19 / 30, abs=2e-3)
    assert fuzz.outcome(0, "", tmp_path, 40, found_s)[0] == "FAULT"
    assert fuzz.hole_s(make_clip(tmp_path / "whole.mkv")) == 0.0


def test_the_bench_runs_the_program(capsys: pytest.CaptureFixture[str]) -> None:
    """One case through the real program, in a process of its own, and the table of it."""
    with pytest.raises(SystemExit) as exit_:
        fuzz.main(["--cases", "1", "--seed", "3"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[0] == "all"
