"""Pictures for people: holes in the colours of what filled them, and sheets that hold what they say."""

import numpy as np

from stream.alignment.fill.frames import Origin
from stream.alignment.frame_choice import spread
from stream.alignment.sheets.origins import holes_marked, origin_legend
from stream.alignment.sheets.sheet import PictureSheet, SheetRow, panel_size, resized
from stream.geometry.sheet_theme import SHEET_THEMES


def test_holes_are_marked_and_real_pixels_are_not() -> None:
    picture = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    origin = np.zeros((40, 60), np.uint8)
    origin[:20, :30], origin[20:, :30] = Origin.BORROWED, Origin.GENERATED
    marked = holes_marked(picture, origin, (60, 40))
    assert np.all(marked[:, 30:] == (50, 100, 200))
    borrowed, generated = marked[:20, :30].reshape(-1, 3).mean(0), marked[20:, :30].reshape(-1, 3).mean(0)
    assert borrowed[2] > 200 > borrowed[0]
    assert generated[0] > 200 > generated[2]


def test_a_picture_of_another_shape_is_centred_not_stretched() -> None:
    panel = resized(np.full((40, 40, 3), 255, np.uint8), (80, 40))
    assert panel.shape == (40, 80, 3)
    assert np.all(panel[:, 20:60] == 255)
    assert np.all(panel[:, :20] == 128)
    assert panel_size(1280, 720, (480, 360)) == (480, 270)
    assert panel_size(64, 48, (480, 360)) == (64, 48)


def test_a_sheet_is_wide_enough_for_its_legend_and_holds_every_picture() -> None:
    theme, legend = SHEET_THEMES["light"], origin_legend()
    sheet = PictureSheet("episode", "settings " * 20, ["A", "B"], legend, (40, 30), theme)
    red = np.full((30, 40, 3), (255, 0, 0), np.uint8)
    drawn = sheet.draw([SheetRow("frame 0", [red, red], ["one", "a caption that is far too long"])] * 2)
    assert np.count_nonzero(np.all(drawn == (255, 0, 0), axis=2)) == 4 * 30 * 40
    assert drawn.shape[1] > 600


def test_frames_are_spread_evenly() -> None:
    assert list(spread(range(10), 2)) == [2, 7]
    assert list(spread(range(3), 6)) == [0, 1, 2]
    assert list(spread([0, 1, 5, 6], 1)) == [5]
