"""Approximate lenses: what they are, and that everything that uses one says so."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from exporters.dataset.clips import lens_of
from exporters.report.facts import _lens_rows
from stream.commands.check_rectify import check_rectify
from stream.config import Options
from stream.errors import IntrinsicsError, UsageError
from stream.geometry.calibrations.chosen import chosen_calibration
from stream.geometry.camera import fit_camera
from stream.geometry.lenses.presets import PRESETS, PresetName, preset_intrinsics
from stream.geometry.plausibility import require_possible
from stream.records.schema.manifest import Manifest, SourceRecord
from tests.support.clips import make_clip
from tests.support.episodes import data_set


@pytest.mark.parametrize(
    ("name", "size", "across_deg"),
    [
        ("gopro-wide", (1920, 1080), (112.0, 120.0)),
        ("gopro-wide", (2704, 2028), (112.0, 124.0)),
        ("gopro-wide", (3840, 3360), (112.0, 124.0)),
        ("gopro-linear", (1920, 1080), (83.0, 93.0)),
        ("phone", (1920, 1080), (63.0, 65.0)),
        ("phone", (1080, 1920), (38.0, 40.0)),
        ("phone", (1440, 1080), (63.0, 65.0)),
    ],
)
def test_a_preset_sees_what_its_maker_publishes(
    name: PresetName, size: tuple[int, int], across_deg: tuple[float, float]
) -> None:
    """GoPro states 118 degrees across for Wide at 16:9 and 86 for Linear; a phone turned upright is a narrow one."""
    intrinsics = preset_intrinsics(name, *size)
    require_possible(intrinsics)
    camera = fit_camera(intrinsics, *size)
    middle = camera.k[1, 2]
    sides = (np.array([[0.0, middle], [size[0] - 1.0, middle]]) - camera.k[:2, 2]) / np.diag(camera.k)[:2]
    left, right = np.degrees(np.arctan(intrinsics.unproject(sides)[:, 0]))
    assert across_deg[0] < right - left < across_deg[1]


def test_a_preset_of_another_shape_is_refused() -> None:
    """The sentence names what is known, the clip's size, and the ways out."""
    with pytest.raises(IntrinsicsError, match=r"--lens gopro-linear is known for .* 5312x2988, and the clip's 640x480"):
        preset_intrinsics("gopro-linear", 640, 480)


def test_the_options_list_every_preset() -> None:
    """The lens's options load no OpenCV, so they repeat the names."""
    from stream.config import OPTIONS

    assert tuple(OPTIONS["lens.preset"].choices) == PRESETS


def test_a_preset_replaces_the_calibration_beside_the_clip_and_not_one_that_is_named(tmp_path: Path) -> None:
    """``--lens`` and ``--intrinsics`` contradict each other."""
    found = chosen_calibration("phone", None, tmp_path / "intrinsics.json", (640, 360))
    assert found is not None
    assert (found.format, found.is_approximate) == ("approximate preset phone", True)
    with pytest.raises(UsageError, match=r"--lens phone and --intrinsics lens\.json contradict each other"):
        chosen_calibration("phone", Path("lens.json"), None, (640, 360))
    assert chosen_calibration(None, None, None, (640, 360)) is None


@pytest.mark.slow
def test_check_rectify_says_that_a_preset_is_approximate(tmp_path: Path) -> None:
    """Its line, and so the sheet's caption, names the preset."""
    clip = make_clip(tmp_path / "clip.mp4", frames=3)
    words = [str(clip), "--lens", "phone", "--out", str(tmp_path / "sheet.png")]
    output = CliRunner().invoke(check_rectify, words, catch_exceptions=False).output
    assert "approximate preset phone" in output


def test_data_sets_and_reports_say_so_too() -> None:
    """The format of the calibration is in each episode's lens and in the report's facts."""
    intrinsics = preset_intrinsics("phone", 320, 200)
    manifest = Manifest(
        run_id="1", state="running", started="", source=SourceRecord(name="clip.mp4", size_bytes=1),
        options=Options(source="clip.mp4").model_dump(mode="json"), intrinsics=intrinsics.model_dump(),
        intrinsics_format="approximate preset phone",
    )  # fmt: skip
    assert lens_of(manifest, data_set([]).header)["intrinsics_format"] == "approximate preset phone"
    assert ("calibration", "approximate preset phone") in list(_lens_rows(manifest))
