"""The calibration that the options of a lens choose: a file, or an approximate preset."""

from pathlib import Path

from stream.errors import UsageError
from stream.geometry.calibrations.table import Calibration, read_calibration
from stream.geometry.lenses.presets import PRESET, PresetName, preset_intrinsics


def chosen_calibration(
    preset: PresetName | None, file: Path | None, beside: Path | None, size: tuple[int, int]
) -> Calibration | None:
    """The calibration for a clip; None if there is none.

    Args:
        preset: ``--lens``.
        file: ``--intrinsics``.
        beside: the ``intrinsics.json`` beside the clip, which a preset replaces.
        size: width and height of the clip's upright picture, pixels.

    Raises:
        IntrinsicsError: the file cannot be read, or the preset is not known for such pictures.
        UsageError: a preset and a file are given.
    """
    if preset is not None:
        if file is not None:
            raise UsageError(f"--lens {preset} and --intrinsics {file} contradict each other: give one")
        return Calibration(preset_intrinsics(preset, *size), f"{PRESET} {preset}")
    path = file or beside
    return None if path is None else read_calibration(path)
