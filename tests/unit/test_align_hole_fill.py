"""The fill of holes from other frames of exact scenes: what is borrowed is true, and what is real keeps its bytes."""

from collections.abc import Callable, Iterator

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from models.depth.depth import ModelFacts
from stream.alignment.fill.frames import FilledFrame, Origin, WarpedFrame
from stream.alignment.fill.hole_fill import HoleFill
from stream.geometry.pose import RigidPose
from stream.pipeline.items import UInt8
from tests.support.card_scene import Card, PointWarp, view

pytestmark = pytest.mark.slow  # every test warps some tens of frames
DOWN = RigidPose.translation(0.0, -0.07, 0.0)
WALL, CARD = Card(z=2.0), Card(z=0.8, y=-0.05, half_width=0.25, half_height=0.12, seed=1)
LENDERS = (-2, 2, -4, 4)


def frame_of(index: int, cards: list[Card], pose: RigidPose, *, knows_pose: bool = True) -> WarpedFrame:
    picture, depth = view(cards, pose)
    return WarpedFrame(
        index, picture, depth, PointWarp().warp(picture, depth, DOWN), None, pose if knows_pose else None
    )


def moving_camera(*, knows_pose: bool = True) -> Iterator[WarpedFrame]:
    """The head goes down by 3 cm a frame, and shows what is below the card."""
    for index in range(7):
        yield frame_of(index, [WALL, CARD], RigidPose.translation(0.0, 0.03 * index, 0.0), knows_pose=knows_pose)


def fill(frames: Iterator[WarpedFrame] | list[WarpedFrame], **settings: object) -> list[FilledFrame]:
    filler = HoleFill(PointWarp(), DOWN, lenders=LENDERS, **settings)  # type: ignore[arg-type]
    return [filled for frame in frames for filled in filler.push(frame)] + list(filler.flush())


def psnr_db(picture: UInt8, truth: UInt8, where: npt.NDArray[np.bool_]) -> float:
    error = picture[where].astype(float) - truth[where]
    return float(20 * np.log10(255 / np.sqrt((error**2).mean())))


@pytest.mark.parametrize("knows_pose", [True, False])
def test_what_the_head_uncovers_is_borrowed(knows_pose: bool) -> None:  # noqa: FBT001
    """Most hole pixels below the card come from other frames, and are far nearer to the truth than Telea's."""
    frames = list(moving_camera(knows_pose=knows_pose))
    filled = fill(frames)
    assert [each.index for each in filled] == list(range(7))
    second, warped = filled[1], frames[1].warped
    truth, _ = view([WALL, CARD], RigidPose.translation(0.0, 0.03 + 0.07, 0.0))
    is_inner_hole = ~warped.is_real
    is_inner_hole[110:] = False
    is_borrowed = is_inner_hole & (second.origin == Origin.BORROWED)
    assert is_borrowed.sum() > 0.8 * is_inner_hole.sum()
    telea = cv2.inpaint(warped.picture, (~warped.is_real).astype(np.uint8), 5, cv2.INPAINT_TELEA)
    assert psnr_db(second.picture, truth, is_borrowed) > psnr_db(np.asarray(telea, np.uint8), truth, is_borrowed) + 3
    assert second.borrowed_from[0] == 3


def test_real_pixels_keep_their_bytes() -> None:
    """Whatever an inpainter returns, and the origin says which they are."""
    frames = list(moving_camera())
    for warped, filled in zip((frame.warped for frame in frames), fill(frames, inpainter=Vandal()), strict=True):
        is_real = filled.origin == Origin.REAL
        assert np.array_equal(is_real, warped.is_real)
        assert filled.picture[is_real].tobytes() == warped.picture[is_real].tobytes()
        assert (filled.picture[filled.origin == Origin.GENERATED] == (3, 2, 1)).all()
        assert sum(filled.share(origin) for origin in Origin) == pytest.approx(1)


class Vandal:
    """An inpainter that paints over the whole picture."""

    facts = ModelFacts("vandal", None, None, None)

    def inpaint(self, picture: UInt8, is_hole: npt.NDArray[np.bool_], prompt: str, seed: int) -> UInt8:
        assert (prompt, seed) == ("", 0)
        assert is_hole.any()
        return np.full_like(picture, (1, 2, 3))


def still(index: int, change: Callable[[int], list[Card]]) -> WarpedFrame:
    return frame_of(index, change(index), RigidPose.translation(0.0, 0.03 * index, 0.0))


def test_a_moving_object_lends_nothing() -> None:
    """A card flies through the space below the other one: what is borrowed there is the wall."""

    def cards(index: int) -> list[Card]:
        return [WALL, CARD, Card(z=0.7, x=0.6 * index - 1.9, y=0.1, half_width=0.2, half_height=0.08, seed=2)]

    frames = [still(index, cards) for index in range(7)]
    third = fill(frames)[3]
    truth, _ = view(cards(3), RigidPose.translation(0.0, 0.09 + 0.07, 0.0))
    is_borrowed = third.origin == Origin.BORROWED
    assert is_borrowed.sum() > 100
    wrong = np.abs(third.picture[is_borrowed].astype(int) - truth[is_borrowed]).max(axis=1) > 60
    assert wrong.mean() < 0.1


def test_excluded_pixels_are_not_lent() -> None:
    """If everything is excluded, nothing is borrowed."""
    frames = [
        WarpedFrame(each.index, each.picture, each.depth, each.warped, each.depth.is_valid, each.world_from_source)
        for each in moving_camera()
    ]
    assert not any((filled.origin == Origin.BORROWED).any() for filled in fill(frames))


def test_a_wrong_motion_lends_nothing() -> None:
    """Where the views overlap they disagree."""
    frames = [
        WarpedFrame(
            each.index, each.picture, each.depth, each.warped, None, RigidPose.translation(0.4 * each.index, 0, 0)
        )
        for each in moving_camera()
    ]
    assert not any((filled.origin == Origin.BORROWED).any() for filled in fill(frames))


def test_an_episode_goes_on_anywhere() -> None:
    """With the frames before, the results from the fifth frame on are the same bytes."""
    frames = list(moving_camera(knows_pose=False))
    whole, rest = fill(frames), fill(frames[1:])
    for one, other in zip(whole[5:], rest[4:], strict=True):
        assert one.picture.tobytes() == other.picture.tobytes()
        assert one.origin.tobytes() == other.origin.tobytes()
        assert one.borrowed_from == other.borrowed_from


def test_a_missing_frame_changes_only_what_it_would_have_lent() -> None:
    """Offsets are of frames' numbers, and the motion is known across the gap."""
    frames = list(moving_camera())
    filled = fill([each for each in frames if each.index != 2])
    assert [each.index for each in filled] == [0, 1, 3, 4, 5, 6]
    assert filled[1].borrowed_from[0] == 3


def test_the_window_is_bounded() -> None:
    """A frame comes back when its last lender is there, and its view is let go."""
    filler = HoleFill(PointWarp(), DOWN, lenders=LENDERS)
    counts = [len(list(filler.push(frame))) for frame in moving_camera()]
    assert counts == [0, 0, 0, 0, 1, 1, 1]
    assert [frame.warped.picture.size > 0 for frame in filler._window] == [False] * 3 + [True] * 4
    assert len(list(filler.flush())) == 4
