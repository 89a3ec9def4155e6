"""Calibrations and sidecars that others wrote: bounded, believed or refused, and never a fault of ours."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.errors import IntrinsicsError
from stream.geometry.calibrations.table import read_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.frame_format import FrameFormat
from stream.geometry.frame_remap import FrameRemap
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.records.schema.manifest import SourceRecord as RecordedSource
from stream.sources.sidecar import Sidecar, read_sidecar
from stream.sources.table import open_clip
from stream.video.container import read_facts
from tests.support.properties import examples
from tests.support.runs import DEADLINE_S, INTRINSICS, write_intrinsics

_SPARSE_BYTES = 1 << 30

_CALIBRATIONS: dict[str, tuple[str, str]] = {
    "not a number": (json.dumps({**INTRINSICS, "fx": float("nan")}), "'fx' is nan, input should be a finite number"),
    "infinite": (json.dumps({**INTRINSICS, "k1": float("inf")}), "'k1' is inf"),
    "infinite by its digits": (json.dumps(INTRINSICS).replace("40.0", "1e999", 1), "'fx' is inf"),
    "huge": (
        json.dumps({**INTRINSICS, "k4": 1e308}),
        r"'k4' is 1e\+308, input should be less than or equal to 1000000",
    ),
    "tiny": (json.dumps({**INTRINSICS, "fy": 1e-308}), "'fy' is 1e-308, input should be greater than or equal to"),
    "a number of 400 digits": (json.dumps({**INTRINSICS, "image_width": 10**400}), r"'image_width' is 1000\d*\.\.\."),
    "a number of 5000 digits": (json.dumps(INTRINSICS).replace("40.0", "4" * 5000, 1), "not JSON"),
    "nested deeply": ("[" * 30_000, "not JSON"),
    "nested deeply in a key": ('{"fx":' * 9_000, "not JSON"),
    "a key twice": (json.dumps(INTRINSICS)[:-1] + ', "fx": 3.0}', "the key 'fx' occurs twice; remove one"),
    "a list": ("[]", "not a JSON object"),
    "words": (json.dumps({**INTRINSICS, "cx": "middle"}), "'cx' is 'middle', input should be a valid number"),
    "a truth": (json.dumps({**INTRINSICS, "cx": True}), "'cx' is True"),
    "half a surrogate pair": (json.dumps({**INTRINSICS, "model": "\ud800"}), r"'model' is '\\ud800'"),
    "escapes": (json.dumps({**INTRINSICS, "model": "\x1b[2J\u202e"}), r"'model' is '\\x1b\[2J\\u202e'"),
    "nothing": ("", "not JSON"),
    "YAML nested deeply": ("a: " + "[" * 30_000, "of no other known format"),
    "YAML that holds itself": ("cam0: &a\n  camera_model: *a\n", "'camera_model' is {"),
    "YAML that grows": (
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 30)),
        "'model' is missing",
    ),
    "YAML with a key twice": ("cam0: {fx: 1}\ncam0: {fx: 2}\n", "the key 'cam0' occurs twice; remove one"),
    "YAML with an object": ("cam0: !!python/object/apply:os.system ['true']\n", "of no other known format"),
    "YAML with a date that is none": ("cam0: 2026-13-45\n", "of no other known format"),
    "XML that grows": ('<!DOCTYPE a [<!ENTITY b "c">]><opencv_storage>&b;</opencv_storage>', "a document type"),
    "XML nested deeply": ("<opencv_storage>" + "<a>" * 15_000, "not XML"),
    "XML nested deeply to its end": (
        "<opencv_storage>" + "<a>" * 8_000 + "</a>" * 8_000 + "</opencv_storage>",
        "nested",
    ),
}


@pytest.mark.parametrize("case", _CALIBRATIONS)
def test_a_calibration_that_is_none_is_refused(tmp_path: Path, case: str) -> None:
    """One sentence that names the value, short and printable, for any content of the file."""
    text, message = _CALIBRATIONS[case]
    (tmp_path / "intrinsics.json").write_text(text)
    with pytest.raises(IntrinsicsError, match=message) as refused:
        read_calibration(tmp_path / "intrinsics.json")
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < len(str(tmp_path)) + 200


def test_a_calibration_of_gigabytes_takes_no_memory(tmp_path: Path) -> None:
    """A sparse file of 1 GiB is refused by its size, in a process that could not hold it; so is an endless device."""
    with (tmp_path / "intrinsics.json").open("wb") as file:
        file.truncate(_SPARSE_BYTES)
    code = f"""
import resource
from pathlib import Path
from stream.errors import IntrinsicsError
from stream.geometry.calibrations.table import read_calibration
resource.setrlimit(resource.RLIMIT_AS, ({_SPARSE_BYTES}, {_SPARSE_BYTES}))
for path in ({str(tmp_path / "intrinsics.json")!r}, "/dev/zero"):
    try:
        read_calibration(Path(path))
    except IntrinsicsError as error:
        print(error)
"""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=DEADLINE_S
    )
    assert result.stdout.count("larger than 65536 bytes, so it is not a calibration") == 2


_PIXELS = st.floats(-1e6, 1e6, allow_subnormal=False)
_FOCAL = st.floats(1e-6, 1e6)


@examples(60)
@given(st.tuples(_FOCAL, _FOCAL), st.tuples(_PIXELS, _PIXELS), st.tuples(_PIXELS, _PIXELS, _PIXELS, _PIXELS))
def test_every_lens_within_the_bounds_is_fitted_or_refused(
    focal: tuple[float, float], centre: tuple[float, float], k: tuple[float, float, float, float]
) -> None:
    """No combination of values that are let in overflows: finite maps, or an error of the calibration."""
    names = ("fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4")
    values = dict(zip(names, (*focal, *centre, *k), strict=True))
    intrinsics = KannalaBrandt(model="fisheye", image_width=128, image_height=96, **values)
    try:
        camera = fit_camera(intrinsics, 128, 96)
        FrameRemap(FrameFormat(128, 96, "yuv420p", 0, 2, 0), camera, encoder_px=16, keyframe_px=64)
    except IntrinsicsError:
        return
    assert np.isfinite(camera.new_k).all()


_SIDECARS: dict[str, tuple[str, str | None]] = {
    "NaN": ('{"fps": NaN}', "fps NaN"),
    "infinity": ('{"fps": -Infinity}', "fps -Infinity"),
    "infinite by its digits": ('{"fps": 1e999}', "fps Infinity"),
    "huge": ('{"duration_sec": 1e308}', "duration_sec 1e+308"),
    "a number of 400 digits": (json.dumps({"width": 10**400}), "width 1000000"),
    "a number of 5000 digits": (f'{{"width": {"9" * 5000}}}', "is not JSON"),
    "a truth": ('{"width": true}', "width True"),
    "another type": ('{"height": {"of": ["a", 1]}}', "height {"),
    "nested deeply": ("[" * 30_000, "is not JSON"),
    "nested as a value": (f'{{"fps": {"[" * 400}{"]" * 400}}}', "fps [[[["),
    "half a surrogate pair": ('{"codec": "\\ud800"}', "codec \N{REPLACEMENT CHARACTER} "),
    "escapes": ('{"codec": "\\u001b[2J\\u009b\\u202e\\nx"}', "codec \N{REPLACEMENT CHARACTER}[2J"),
    "endless": (json.dumps({"codec": "x" * 60_000}), "codec xxxx"),
    "a key twice": ('{"fps": 1, "fps": 30}', None),
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory, clip: Path) -> Callable[[str], Sidecar]:
    """A clip's sidecar of this text, set against the clip."""
    path = tmp_path_factory.mktemp("sidecar") / "clip.mp4"
    shutil.copy(clip, path)
    source = open_clip(str(path))
    facts = read_facts(source)

    def compare(text: str) -> Sidecar:
        path.with_suffix(".json").write_text(text)
        sidecar = read_sidecar(source, facts)
        assert sidecar is not None
        return sidecar

    return compare


@pytest.mark.parametrize("case", _SIDECARS)
def test_a_sidecar_may_say_anything(compared: Callable[[str], Sidecar], case: str) -> None:
    """Its content is printed on one short line and recorded as JSON that is read back unchanged."""
    text, message = _SIDECARS[case]
    sidecar = compared(text)
    complaint = sidecar.warning
    assert (complaint is None) == (message is None)
    if complaint is not None and message is not None:
        assert message in complaint
        assert complaint.isprintable()
        assert len(complaint) < 200
    recorded = RecordedSource(name="clip.mp4", size_bytes=1, sidecar=asdict(sidecar))
    back = RecordedSource.model_validate_json(recorded.model_dump_json())
    assert [each["sidecar"] for each in (back.sidecar or {})["disagreements"]] == [
        each.sidecar for each in sidecar.disagreements
    ]


def test_a_sidecar_of_gigabytes_is_not_read(tmp_path: Path, clip: Path) -> None:
    """No more of it than a sidecar has is looked at."""
    shutil.copy(clip, tmp_path / "clip.mp4")
    with (tmp_path / "clip.json").open("wb") as file:
        file.truncate(_SPARSE_BYTES)
    source = open_clip(str(tmp_path / "clip.mp4"))
    sidecar = source.sidecar()
    assert sidecar is not None
    assert len(sidecar[1]) == 64 * 1024
    assert read_sidecar(source, read_facts(source)) == Sidecar("clip.json", fault="is not JSON")


def test_a_calibration_that_is_a_link_into_nowhere_is_none(tmp_path: Path, clip: Path) -> None:
    """A dangling link, a folder or a pipe named intrinsics.json is no calibration, and nothing waits for it."""
    shutil.copy(clip, tmp_path / "clip.mp4")
    source = open_clip(str(tmp_path / "clip.mp4"))
    place = tmp_path / "intrinsics.json"
    place.symlink_to(tmp_path / "nowhere.json")
    assert source.intrinsics_path() is None
    place.unlink()
    os.mkfifo(place)
    assert source.intrinsics_path() is None
    place.unlink()
    place.mkdir()
    assert source.intrinsics_path() is None
    place.rmdir()
    calibration = write_intrinsics(tmp_path)
    assert source.intrinsics_path() == calibration
