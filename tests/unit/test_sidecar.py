"""The ``.json`` beside a clip is compared with the clip, and differences are reported."""

import json
from pathlib import Path

import pytest

from stream.sources.sidecar import Sidecar, read_sidecar
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.clips import into_tar, make_clip

_TAR = Path(__file__).parents[2].parent / "shared/data/egocentric100k_like/factory001/worker001/part000.tar"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return make_clip(tmp_path / "clip.mp4", frames=30)


def write_sidecar(clip: Path, **changes: object) -> Path:
    """What Egocentric-100K keeps beside a clip, with something changed."""
    facts = {
        "factory_id": "factory_001", "duration_sec": 1.0, "width": 128, "height": 96, "fps": 30.0,
        "size_bytes": clip.stat().st_size, "codec": "h265",
    }  # fmt: skip
    path = clip.with_suffix(".json")
    path.write_text(json.dumps({**facts, **changes}))
    return path


def compared(spec: Path | str) -> Sidecar | None:
    source = open_clip(str(spec))
    return read_sidecar(source, read_facts(source))


def test_a_clip_without_a_sidecar_has_none(clip: Path) -> None:
    """Nothing is missed."""
    assert compared(clip) is None


def test_a_true_sidecar_has_nothing_to_complain_of(clip: Path) -> None:
    """Facts that agree, names of the codec and rounding included, and keys that say nothing of the video."""
    write_sidecar(clip, fps=29.97, duration_sec=1.04, video_index=7)
    warnings_found = compared(clip)
    assert warnings_found == Sidecar("clip.json", factory_id="factory_001")
    assert warnings_found.warning is None


@pytest.mark.parametrize(
    ("value", "recorded"),
    [("worker_001", "worker_001"), (7, "7"), ("", None), (None, None), (["w"], None), ("w" * 200, "w" * 80)],
)
def test_the_worker_is_recorded_as_it_is_named(clip: Path, value: object, recorded: str | None) -> None:
    write_sidecar(clip, worker_id=value)
    assert compared(clip) == Sidecar("clip.json", factory_id="factory_001", worker_id=recorded)


@pytest.mark.parametrize(
    ("key", "wrong", "own"),
    [
        ("fps", 25, 30.0),
        ("fps", "30", 30.0),
        ("fps", [30], 30.0),
        ("duration_sec", 180.0, 1.0),
        ("width", 1920, 128),
        ("height", 128, 96),
        ("codec", "h264", "hevc"),
        ("codec", 265, "hevc"),
    ],
)
def test_each_fact_is_compared(clip: Path, key: str, wrong: object, own: object) -> None:
    """One wrong fact is one disagreement, with both values."""
    write_sidecar(clip, **{key: wrong})
    warnings_found = compared(clip)
    assert warnings_found is not None
    (disagreement,) = warnings_found.disagreements
    assert (disagreement.field, disagreement.clip) == (key, own)
    assert disagreement.sidecar == (wrong if not isinstance(wrong, list) else "[30]")
    assert str(warnings_found.warning).startswith(
        "sidecar clip.json disagrees with the clip, whose own values are used: " + key
    )


def test_value_that_is_not_a_number_disagrees(clip: Path) -> None:
    """NaN, which JSON does not know and some writers write, is reported by its name."""
    write_sidecar(clip, fps=float("nan"))
    warnings_found = compared(clip)
    assert warnings_found is not None
    assert [(each.field, each.sidecar) for each in warnings_found.disagreements] == [("fps", "NaN")]


def test_a_cut_off_clip_is_seen_by_its_size(clip: Path) -> None:
    """A size that is not the clip's says that a download did not end."""
    write_sidecar(clip, size_bytes=10_000_000)
    warnings_found = compared(clip)
    assert warnings_found is not None
    assert [each.field for each in warnings_found.disagreements] == ["size_bytes"]


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff\xfe", b"", b'{"a":' * 10_000, b'{"fps": 1' + b"0" * 5000])
def test_invalid_sidecar_is_reported(clip: Path, content: bytes) -> None:
    """A file of that name that holds no facts is a complaint, not an error."""
    clip.with_suffix(".json").write_bytes(content)
    warnings_found = compared(clip)
    assert warnings_found is not None
    assert "JSON" in str(warnings_found.warning)


def test_in_a_tar_the_sidecar_is_the_member_beside(clip: Path, tmp_path: Path) -> None:
    """``clip.json`` in the tar counts, and one outside, beside the tar, does not."""
    sidecar = write_sidecar(clip, fps=10)
    with_it = into_tar(tmp_path / "with.tar", clip, sidecar)
    without = into_tar(tmp_path / "without.tar", clip)
    warnings_found = compared(f"{with_it}::clip.mp4")
    assert warnings_found is not None
    assert [(each.field, each.sidecar) for each in warnings_found.disagreements] == [("fps", 10)]
    assert compared(f"{without}::clip.mp4") is None


@pytest.mark.skipif(not _TAR.exists(), reason="the real clips are not part of the project")
@pytest.mark.parametrize("number", [0, 1])
def test_real_sidecars_agree(number: int) -> None:
    """Those of the real clips in their tar, whose every fact is true."""
    stem = f"factory_001_worker_001_000{number}"
    assert compared(f"{_TAR}::{stem}.mp4") == Sidecar(f"{stem}.json", factory_id="factory_001", worker_id="worker_001")
