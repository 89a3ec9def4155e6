"""The stage that warps every frame into the target camera."""

from collections.abc import Iterable
from typing import ClassVar

from stream.alignment.items import DepthFrame, TargetFrame
from stream.alignment.protection import protected_pixels
from stream.alignment.warp.warp import Warp
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Item
from stream.pipeline.stage import Stage


class WarpFrames(Stage):
    """Warps each frame by itself."""

    name: ClassVar[str] = "warp"

    def __init__(self, warp: Warp, target_from_source: RigidPose) -> None:
        self._warp = warp
        self._pose = target_from_source

    def on_item(self, item: Item) -> Iterable[Item]:
        return (self._warped(item),) if isinstance(item, DepthFrame) else (item,)

    def _warped(self, frame: DepthFrame) -> TargetFrame:
        picture, depth = frame.source.picture, frame.depth
        if picture is None or depth is None:
            return TargetFrame(frame, None)
        warped = self._warp.warp(picture, depth, self._pose)
        mask = frame.source.is_protected
        cameras = self._warp.source, self._warp.target
        lost = None if mask is None else protected_pixels(mask, depth, warped, cameras, self._pose)
        return TargetFrame(frame, warped, lost)
