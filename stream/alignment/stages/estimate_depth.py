"""The stage that gives every frame its depth: the episode's own, or a model's."""

from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import numpy as np

from models.depth.depth import Depth, DepthEstimator
from stream.alignment.depth_scale import DepthScale
from stream.alignment.items import DepthFrame, SourceFrame
from stream.geometry.pinhole import PinholeCamera
from stream.pipeline.items import Item
from stream.pipeline.stage import Stage


class EstimateDepth(Stage):
    """Estimates depth in batches whose borders depend on the frames' numbers alone, wherever the stage begins.

    A model judges every picture anew; its depth is given the scale of the first frame.
    """

    name: ClassVar[str] = "depth"

    def __init__(
        self,
        estimator: DepthEstimator | None,
        camera: PinholeCamera,
        batch_size: int = 1,
        first_scale: float = 1.0,
        metres_per_unit: float | None = None,
    ) -> None:
        """Make the stage.

        Args:
            estimator: None if frames come with their depth.
            camera: Of the pictures.
            batch_size: Frames that the estimator gets at a time.
            first_scale: By which the depth of the first frame is multiplied, as an earlier call had come to it.
            metres_per_unit: Scales all depth to metres then; None leaves it as it is.
        """
        self._estimator = estimator
        self._k = camera.k
        self._batch_size = batch_size if estimator is not None else 1
        self._scale = None if estimator is None else DepthScale(camera, first_scale)
        self._metres_per_unit = metres_per_unit
        self._waiting: list[SourceFrame] = []

    def on_item(self, item: Item) -> Iterator[Item]:
        if not isinstance(item, SourceFrame):
            yield item
            return
        self._waiting.append(item)
        if (item.index + 1) % self._batch_size == 0:
            yield from self._batch()

    def on_end(self) -> Iterator[Item]:
        yield from self._batch()

    def _batch(self) -> Iterator[DepthFrame]:
        frames, self._waiting = self._waiting, []
        estimated = self._estimated(frames)
        for frame in frames:
            yield self._with_depth(frame, frame.depth or estimated.get(frame.index))

    def _with_depth(self, frame: SourceFrame, depth: Depth | None) -> DepthFrame:
        if depth is None or frame.picture is None:
            return DepthFrame(frame, None, frame.problem or "it has no depth")
        if frame.is_recorded is not None:
            depth = replace(depth, is_valid=depth.is_valid & frame.is_recorded)
        if not depth.is_valid.any():
            return DepthFrame(frame, None, "its depth has no valid pixel")
        if self._scale is None:
            return DepthFrame(frame, self._in_metres(depth))
        scaled = self._scale.scaled(frame.picture, depth, frame.is_protected)
        return DepthFrame(frame, self._in_metres(scaled), scale=self._scale.scale)

    def _in_metres(self, depth: Depth) -> Depth:
        if self._metres_per_unit is None:
            return depth
        return replace(depth, z=depth.z * np.float32(self._metres_per_unit), unit="metre")

    def _estimated(self, frames: list[SourceFrame]) -> dict[int, Depth]:
        """Depth by the frame's number, for those that can be read and have none."""
        wanted = [frame for frame in frames if frame.picture is not None and frame.depth is None]
        if self._estimator is None or not wanted:
            return {}
        pictures = [np.ascontiguousarray(frame.picture[:, :, ::-1]) for frame in wanted if frame.picture is not None]
        depths = self._estimator.estimate(pictures, self._k)
        return {frame.index: depth for frame, depth in zip(wanted, depths, strict=True)}
