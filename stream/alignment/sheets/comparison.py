"""Sheets that show original, warped and final pictures side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from stream.alignment.sheets.origins import holes_marked, origin_legend
from stream.alignment.sheets.sheet import PictureSheet, SheetRow, panel_size, resized
from stream.geometry.sheet_theme import SheetTheme
from stream.pipeline.items import UInt8
from stream.records.schema.alignment import AlignmentRecord

_PANEL_PX: Final = 800, 600
"""Maximum size of each picture of a frame's own sheet."""
_SMALL_PANEL_PX: Final = 480, 360
"""The same in the contact sheet."""
_HEADINGS: Final = ("Original", "Warped, holes marked", "Final")


@dataclass(frozen=True, slots=True, eq=False)
class ComparedFrame:
    """One frame before and after."""

    label: str
    original: UInt8
    """(H, W, 3) BGR, of the source camera."""
    final: UInt8
    """(H, W, 3) BGR, of the target camera."""
    origin: UInt8
    """(H, W), values of ``Origin``."""


def comparison_sheet(
    frames: Sequence[ComparedFrame], record: AlignmentRecord, theme: SheetTheme, *, is_small: bool
) -> UInt8:
    """One row a frame, (H, W, 3) RGB; ``is_small`` for many.

    The warped picture is the final one without the pixels that filled its holes: the others are those of the warp.
    """
    camera = record.target_camera
    panel_px = panel_size(camera.width_px, camera.height_px, _SMALL_PANEL_PX if is_small else _PANEL_PX)
    sheet = PictureSheet(record.episode, settings_of(record), _HEADINGS, origin_legend(), panel_px, theme)
    return sheet.draw([_row(frame, panel_px) for frame in frames])


def settings_of(record: AlignmentRecord) -> str:
    """Camera, depth and shares in one line."""
    view = record.viewpoint
    moved = (
        "camera by --pose"
        if view.trajectory is None or view.movement_distance_m is None
        else f"camera {view.trajectory} by {view.movement_distance_m + view.drawn_noise_m:.3g} m"
    )
    depth = record.depth.model.name if record.depth.model else f"data set {record.depth.data_set}"
    shares = (record.real_share, record.borrowed_share, record.generated_share)
    return f"{moved}  ·  depth: {depth}  ·  all frames: {shares_text(*shares)}"


def shares_text(real: float | None, borrowed: float | None, generated: float | None) -> str:
    """``87.1 % real, 11.0 % borrowed, 1.9 % generated``; ``-`` for what is not known."""
    named = ((real, "real"), (borrowed, "borrowed"), (generated, "generated"))
    return ", ".join(f"{'-' if share is None else f'{share:.1%}'} {name}" for share, name in named)


def _row(frame: ComparedFrame, panel_px: tuple[int, int]) -> SheetRow:
    warped = holes_marked(frame.final, frame.origin, panel_px)
    return SheetRow(frame.label, [resized(frame.original, panel_px), warped, resized(frame.final, panel_px)])
