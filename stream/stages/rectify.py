"""The stage that turns pictures into rectified encoder frames and keyframes."""

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, Final

from stream.geometry.camera import Camera, RectifiedView
from stream.geometry.frame_format import FrameFormat, frame_format_of
from stream.geometry.frame_remap import ENCODER_PX, KEYFRAME_PX, FrameRemap, encode_picture
from stream.geometry.intrinsics import Intrinsics
from stream.geometry.viewport import ResizeMode
from stream.pipeline.items import EncoderFrame, Item, Keyframe, Picture
from stream.pipeline.stage import Stage, StageFacts, State
from stream.pipeline.state import take, take_optional

_MAPS_MAX: Final = 4
"""Maps kept, so that a stream that changes back and forth does not compute them each time."""
_FORMATS_MAX: Final = 16
"""Formats recorded; a stream with more is broken."""
_ROUNDING = 1e-6
"""Share of a keyframe's period by which a PTS may precede its multiple, since times are rounded to float64."""


class Rectify(Stage):
    """Turns a ``Picture`` into an ``EncoderFrame``, preceded by a ``Keyframe`` if one is due; passes on other items.

    A keyframe is the first picture at or after each multiple of ``1 / keyframe_fps`` seconds of stream time. Maps are
    computed at the first picture, and again when the size, format, rotation or color tags of the frames change. All
    encoder frames and keyframes have the size that they have for the clip, and the same view: a picture of another size
    is rectified with the calibration scaled to it.
    """

    name = "rectify"

    def __init__(
        self,
        intrinsics: Intrinsics | None,
        *,
        view: RectifiedView | None = None,
        encoder_px: int = ENCODER_PX,
        resize_mode: ResizeMode = "center-crop",
        keyframe_px: int = KEYFRAME_PX,
        keyframe_fps: float = 1.0,
        device: str | None = None,
        keyframes_only: bool = False,
    ) -> None:
        """Set up; without ``intrinsics`` pictures are not rectified (``--no-rectify``).

        ``device`` is the torch device if the decoder leaves pictures on the GPU; None if they are in host memory. With
        ``keyframes_only`` there are no encoder frames.
        """
        self._intrinsics = intrinsics
        self._view = view or RectifiedView()
        self._encoder_px = encoder_px
        self._resize_mode = resize_mode
        self._keyframe_px = keyframe_px
        self._keyframe_fps = keyframe_fps
        self._device = device
        self._keyframes_only = keyframes_only
        self._clip_size: tuple[int, int] | None = None
        """Width and height of the first picture, upright, pixels."""
        self._camera: Camera | None = None
        self._last_keyframe = -1
        self._remaps: OrderedDict[FrameFormat, FrameRemap] = OrderedDict()
        """The latest ones last."""
        self._facts: dict[str, Any] = {}

    def on_item(self, item: Item) -> Iterator[Item]:
        """Rectify a picture.

        Raises:
            IntrinsicsError: the calibration is for pictures of another aspect ratio.
        """
        if not isinstance(item, Picture):
            yield item
            return
        remap = self._remap_for(frame_format_of(item.frame), item.t_s)
        if self._keyframe_is_due(item.t_s):
            rgb = remap.keyframe(item.frame)
            yield Keyframe(item.t_s, rgb.shape[1], rgb.shape[0], encode_picture(rgb, ".jpg"))
        if not self._keyframes_only:
            yield EncoderFrame(item.index, item.t_s, item.duration_s, remap.encoder_frame(item.frame), item.arrived_at)

    def snapshot(self) -> State:
        size = None if self._clip_size is None else list(self._clip_size)
        return {"last_keyframe": self._last_keyframe, "clip_size": size, "facts": self._facts}

    def restore(self, state: State) -> None:
        self._last_keyframe = take(state, "last_keyframe", int)
        size = take_optional(state, "clip_size", list)
        self._clip_size = None if size is None else (size[0], size[1])
        self._facts = take(state, "facts", dict)

    def facts(self) -> StageFacts:
        """Facts about the rectification of the first picture, and the other formats; empty before it."""
        return {"rectification": self._facts}

    def _keyframe_is_due(self, t_s: float) -> bool:
        period = int(t_s * self._keyframe_fps + _ROUNDING)
        due = period > self._last_keyframe
        self._last_keyframe = max(period, self._last_keyframe)
        return due

    def _remap_for(self, frame_format: FrameFormat, t_s: float) -> FrameRemap:
        remap = self._remaps.pop(frame_format, None)
        if remap is None:
            remap = self._build(frame_format)
            self._note(frame_format, remap, t_s)
        self._remaps[frame_format] = remap
        if len(self._remaps) > _MAPS_MAX:
            self._remaps.popitem(last=False)
        return remap

    def _build(self, frame_format: FrameFormat) -> FrameRemap:
        size = frame_format.upright_size
        self._clip_size = self._clip_size or size
        if self._intrinsics is not None and self._camera is None:
            self._camera = self._view.camera(self._intrinsics, *self._clip_size)
        return FrameRemap(
            frame_format,
            self._camera if self._camera is None or size == self._clip_size else self._camera.resized(*size),
            clip_size=self._clip_size,
            encoder_px=self._encoder_px,
            resize_mode=self._resize_mode,
            keyframe_px=self._keyframe_px,
            device=self._device if frame_format.may_be_on_device else None,
        )

    def _note(self, frame_format: FrameFormat, remap: FrameRemap, t_s: float) -> None:
        """Record a format that is new, with the time of its first picture."""
        if not self._facts:
            self._facts = {**self._view.facts(), **remap.facts(), "other_formats": []}
            return
        others, new = self._facts["other_formats"], frame_format.facts()
        is_known = any(all(known[name] == new[name] for name in new) for known in (self._facts, *others))
        if len(others) < _FORMATS_MAX and not is_known:
            self._facts = {**self._facts, "other_formats": [*others, {"first_at_s": t_s, **new}]}
