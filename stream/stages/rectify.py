"""The stage that turns pictures into rectified encoder frames and keyframes."""

from collections.abc import Iterator

from stream.geometry.camera import Intrinsics, fit_camera
from stream.geometry.frame_format import FrameFormat, frame_format_of
from stream.geometry.frame_remap import ENCODER_PX, KEYFRAME_PX, FrameRemap, encode_picture
from stream.geometry.viewport import ResizeMode
from stream.pipeline.items import EncoderFrame, Item, Keyframe, Picture
from stream.pipeline.stage import Facts, Stage, State
from stream.pipeline.state import take

_ROUNDING = 1e-6
"""Share of a keyframe's period by which a PTS may precede its multiple, since times are rounded to float64."""


class Rectify(Stage):
    """Turns a ``Picture`` into an ``EncoderFrame``, preceded by a ``Keyframe`` if one is due; passes on other items.

    A keyframe is the first picture at or after each multiple of ``1 / keyframe_fps`` seconds of stream time. Maps are
    computed at the first picture, and again when the size, format, rotation or color tags of the frames change.
    """

    name = "rectify"

    def __init__(
        self,
        intrinsics: Intrinsics | None,
        *,
        balance: float = 0.0,
        fov_scale: float = 1.0,
        encoder_px: int = ENCODER_PX,
        resize_mode: ResizeMode = "center-crop",
        keyframe_px: int = KEYFRAME_PX,
        keyframe_fps: float = 1.0,
        device: str | None = None,
    ) -> None:
        """Set up; without ``intrinsics`` pictures are not rectified (``--no-rectify``).

        ``device`` is the torch device if the decoder leaves pictures on the GPU; None if they are in host memory.
        """
        self._intrinsics = intrinsics
        self._balance = balance
        self._fov_scale = fov_scale
        self._encoder_px = encoder_px
        self._resize_mode = resize_mode
        self._keyframe_px = keyframe_px
        self._keyframe_fps = keyframe_fps
        self._device = device
        self._last_keyframe = -1
        self._frame_format: FrameFormat | None = None
        self._remap: FrameRemap | None = None
        self._facts: dict[str, object] = {}

    def on_item(self, item: Item) -> Iterator[Item]:
        """Rectify a picture.

        Raises:
            IntrinsicsError: the calibration is for pictures of another aspect ratio.
        """
        if not isinstance(item, Picture):
            yield item
            return
        remap = self._remap_for(frame_format_of(item.frame))
        if self._keyframe_is_due(item.t_s):
            rgb = remap.keyframe(item.frame)
            yield Keyframe(item.t_s, rgb.shape[1], rgb.shape[0], encode_picture(rgb, ".jpg"))
        yield EncoderFrame(item.index, item.t_s, item.duration_s, remap.encoder_frame(item.frame), item.arrived_at)

    def snapshot(self) -> State:
        return {"last_keyframe": self._last_keyframe}

    def restore(self, state: State) -> None:
        self._last_keyframe = take(state, "last_keyframe", int)

    def facts(self) -> Facts:
        """Facts about the rectification; empty before the first picture."""
        return {"rectification": self._facts}

    def _keyframe_is_due(self, t_s: float) -> bool:
        period = int(t_s * self._keyframe_fps + _ROUNDING)
        due = period > self._last_keyframe
        self._last_keyframe = max(period, self._last_keyframe)
        return due

    def _remap_for(self, frame_format: FrameFormat) -> FrameRemap:
        if self._remap is None or frame_format != self._frame_format:
            self._frame_format, self._remap = frame_format, self._build(frame_format)
            self._facts = {"balance": self._balance, "fov_scale": self._fov_scale, **self._remap.facts()}
        return self._remap

    def _build(self, frame_format: FrameFormat) -> FrameRemap:
        camera = None
        if self._intrinsics is not None:
            camera = fit_camera(self._intrinsics, *frame_format.upright_size, self._balance, self._fov_scale)
        return FrameRemap(
            frame_format,
            camera,
            encoder_px=self._encoder_px,
            resize_mode=self._resize_mode,
            keyframe_px=self._keyframe_px,
            device=self._device,
        )
