"""How much of a rectified picture is recorded, and how much of the recorded picture it shows: from the maps alone."""

from typing import TYPE_CHECKING

import numpy as np

from stream.geometry.viewport import keyframe_view

if TYPE_CHECKING:
    from stream.geometry.camera import Camera  # it uses this module

RECORDED_MIN = 0.05
"""Share of the rectified picture that must show recorded pixels."""
SHOWN_MIN = 0.01
"""Share of the recorded picture's area that must be visible: less is enlarged more than tenfold."""
_GRID_PX = 64


def lack_of_picture(camera: "Camera") -> str | None:
    """Why a rectified picture would be nearly empty or flat, whatever the frames show; None if it would not.

    Each cell of a coarse grid over the rectified picture shows ``|det J|`` of its area in the recorded one, where J is
    the derivative of the map.
    """
    view = keyframe_view(camera.width, camera.height, _GRID_PX)
    x, y, seen = camera.locate(view.matrix @ camera.new_k, view.width, view.height)
    inside = (x >= -0.5) & (x <= camera.width - 0.5) & (y >= -0.5) & (y <= camera.height - 0.5)
    recorded = seen & inside
    if recorded.mean() < RECORDED_MIN:
        return f"the rectified picture would be nearly empty, with {100 * recorded.mean():.1f} % of it recorded"
    (x_down, x_across), (y_down, y_across) = np.gradient(x), np.gradient(y)
    area = np.abs(x_across * y_down - x_down * y_across)[recorded].sum()
    shown = float(area / (camera.width * camera.height))
    if shown < SHOWN_MIN:
        return f"the rectified picture would be nearly flat, showing {100 * shown:.2g} % of the recorded one, enlarged"
    return None
