"""Approximate lenses of common cameras, for clips without a calibration.

A lens differs from one camera to the next, and stabilization crops the picture as it likes: a preset straightens lines
to within some pixels, and is no replacement for a calibration. Every record says that a preset was used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

from stream.errors import IntrinsicsError
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.lenses.kannala_brandt import KannalaBrandt
from stream.geometry.lenses.pinhole import Pinhole
from stream.geometry.lenses.table import intrinsics_of
from stream.video.picture import is_same_aspect

PresetName: TypeAlias = Literal["gopro-wide", "gopro-linear", "phone"]
"""As in the options of the lens."""
PRESET: Final = "approximate preset"
"""Begins the format of a calibration that is a preset, followed by its name."""
_PHONE_FOCAL: Final = 0.8
"""Of the longer side. Main cameras of phones have 26 mm as their equivalent focal length (Apple's and Google's
specifications, 24 to 28 mm): 0.75 of the 34.6 mm of a 4:3 sensor with film's diagonal. Stabilization of video crops
about 6 %."""


@dataclass(frozen=True, slots=True)
class _Profile:
    """One published calibration of a fisheye."""

    size: tuple[int, int]
    focal: tuple[float, float]
    centre: tuple[float, float]
    k: tuple[float, float, float, float]

    @property
    def intrinsics(self) -> Intrinsics:
        return intrinsics_of(KannalaBrandt, self.size, self.focal, self.centre, self.k)


_GOPRO_WIDE: Final = (
    _Profile((3840, 2160), (1796.3, 1797.2), (1919.4, 1063.2), (0.03421, 0.06767, -0.07409, 0.02994)),
    _Profile((5312, 3984), (2373.2, 2374.2), (2685.7, 1992.6), (0.03286, 0.05574, -0.03840, 0.00686)),
    _Profile((5312, 4648), (2357.1, 2356.1), (2676.8, 2319.6), (0.03140, 0.05974, -0.04337, 0.00992)),
)
"""HERO10 and HERO11 Black, Wide, without stabilization, for 16:9, 4:3 and 8:7: Gyroflow's lens profiles
``GoPro_HERO10 Black_Wide_16by9``, ``GoPro_HERO10 Black_Wide_4by3`` and ``GoPro_HERO11 Black_Wide_8by7``."""
_GOPRO_LINEAR: Final = (
    _Profile((5312, 2988), (2532.6, 2537.2), (2658.3, 1501.1), (0.35030, 0.03072, 0.29820, -0.15900)),
)
"""HERO10 and HERO11 Black, Linear, without stabilization, for 16:9: Gyroflow's ``GoPro_HERO10 Black_Linear_16by9``."""


def preset_intrinsics(name: PresetName, width: int, height: int) -> Intrinsics:
    """The approximate lens of a camera, for an upright picture of this size.

    Raises:
        IntrinsicsError: the camera has no mode with such an aspect ratio.
    """
    return _PRESETS[name](name, width, height)


def _gopro(profiles: Sequence[_Profile]) -> Callable[[str, int, int], Intrinsics]:
    def of_size(name: str, width: int, height: int) -> Intrinsics:
        for profile in profiles:
            if is_same_aspect((width, height), profile.size):
                return profile.intrinsics
        sizes = ", ".join(f"{each.size[0]}x{each.size[1]}" for each in profiles)
        raise IntrinsicsError(
            f"--lens {name} is known for the aspect ratio of {sizes}, and the clip's {width}x{height} has another: "
            "calibrate the camera with `egoclean-stream calibrate`, or keep the picture as it is with --no-rectify"
        )

    return of_size


def _phone(_: str, width: int, height: int) -> Intrinsics:
    """A pinhole camera, because phones undo the distortion of their main camera themselves."""
    focal = _PHONE_FOCAL * max(width, height)
    return intrinsics_of(Pinhole, (width, height), (focal, focal), ((width - 1) / 2, (height - 1) / 2), ())


_PRESETS: Final[dict[str, Callable[[str, int, int], Intrinsics]]] = {
    "gopro-wide": _gopro(_GOPRO_WIDE),
    "gopro-linear": _gopro(_GOPRO_LINEAR),
    "phone": _phone,
}
PRESETS: Final[tuple[PresetName, ...]] = get_args(PresetName)
