"""The fused remap in torch, for frames in GPU memory, so that only the small picture is copied to the host.

It takes the same steps as ``stream.geometry.remap``, in float32 and without intermediate rounding, and is tested
against it with torch on the CPU. Not tested on a GPU yet, nor with frames decoded by NVDEC.
"""

import hashlib
from typing import TYPE_CHECKING

import av
import numpy as np

from stream.errors import EgocleanError
from stream.geometry.frame_format import FrameFormat
from stream.geometry.sampling_plan import BlurKernel, SamplingPlan, is_wide_blur, plan_sampling
from stream.geometry.viewport import SourceMap
from stream.pipeline.items import UInt8

if TYPE_CHECKING:
    import torch

_BITS = {"nv12": 8, "p010le": 16}
"""Bits of a stored sample; p010le holds ten bits in the upper part."""


class TorchRemap:
    """Makes one view of frames of one format on one device; equivalent to ``FusedRemap``."""

    def __init__(self, frame_format: FrameFormat, source: SourceMap, device: str) -> None:
        """Compute the map and copy it to torch's ``device``."""
        import torch

        self._plan: SamplingPlan = plan_sampling(frame_format, source)
        self._device = torch.device(device)
        roi = self._plan.roi
        # grid_sample's coordinates run from -1, the first pixel's centre, to 1, the last one's.
        x = self._plan.x * (2.0 / max(1, roi.right - roi.left - 1)) - 1.0
        y = self._plan.y * (2.0 / max(1, roi.bottom - roi.top - 1)) - 1.0
        self._grid = torch.from_numpy(np.stack([x, y], axis=-1)[None]).to(self._device)
        self._valid = torch.from_numpy(source.valid).to(self._device)
        self._to_rgb = torch.from_numpy(frame_format.color.to_rgb()).to(self._device)
        self._blur = [_weights(axis, self._device) for axis in self.blur]

    @property
    def halvings(self) -> int:
        """Number of halvings of luma before the remap."""
        return self._plan.halvings

    @property
    def blur(self) -> tuple[BlurKernel, BlurKernel]:
        """Blur of luma across and down afterwards."""
        return self._plan.blur

    def __call__(self, frame: av.VideoFrame) -> UInt8:
        """(height, width, 3) uint8 RGB in host memory; pixels that the source does not show are black."""
        import torch

        with torch.inference_mode():
            rgb = self._rgb(*planes(frame, self._device))
            picture: UInt8 = rgb.round().clamp(0.0, 255.0).to(torch.uint8).cpu().numpy()
        return picture

    def sha256(self) -> str:
        """Digest of the map: float32 coordinates."""
        return hashlib.sha256(self._plan.x.tobytes() + self._plan.y.tobytes()).hexdigest()

    def _rgb(self, luma: "torch.Tensor", chroma: "torch.Tensor") -> "torch.Tensor":
        """(1, 1, H, W) and (1, 2, H/2, W/2) float32, 0 to 255, to (height, width, 3)."""
        import torch
        from torch.nn.functional import grid_sample

        working = torch.cat([self._working_luma(luma), self._working_chroma(chroma)], dim=1)
        sampled = grid_sample(working, self._grid, mode="bilinear", padding_mode="border", align_corners=True)[0]
        rgb = torch.einsum("rc,chw->hwr", self._to_rgb[:, :3], sampled) + self._to_rgb[:, 3]
        return torch.where(self._valid[..., None], rgb, 0.0)

    def _working_luma(self, luma: "torch.Tensor") -> "torch.Tensor":
        return self._blurred(_halve(self._plan.roi.cut(luma, self.halvings), self.halvings))

    def _working_chroma(self, chroma: "torch.Tensor") -> "torch.Tensor":
        from torch.nn.functional import interpolate

        roi = self._plan.roi
        part = roi.cut(chroma, self.halvings - 1)
        if self.halvings:
            halved = _halve(part, self.halvings - 1)
            return self._blurred(halved) if is_wide_blur(self.blur) else halved
        doubled = interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
        return doubled[..., : roi.bottom - roi.top, : roi.right - roi.left]

    def _blurred(self, picture: "torch.Tensor") -> "torch.Tensor":
        """Blur each channel of (1, C, H, W); the border is reflected, as in OpenCV."""
        from torch.nn.functional import conv2d, pad

        across, down = self._blur
        reach_x, reach_y = len(across) // 2, len(down) // 2
        padded = pad(picture, (reach_x, reach_x, reach_y, reach_y), mode="reflect")
        kernel = (down[:, None] * across[None]).expand(picture.shape[1], 1, -1, -1)
        return conv2d(padded, kernel, groups=picture.shape[1])


def planes(frame: av.VideoFrame, device: "torch.device") -> "tuple[torch.Tensor, torch.Tensor]":
    """Luma (1, 1, H, W) and chroma (1, 2, H/2, W/2) of an NV12 or P010 frame: float32 on ``device``, 0 to 255.

    They are shared through DLPack. PyAV exposes no stream to wait for, but the decoder works on CUDA's default stream,
    as torch does, which preserves the order.

    Raises:
        EgocleanError: the frame has another pixel format.
    """
    import torch
    from torch.utils.dlpack import from_dlpack

    name = (frame.sw_format or frame.format).name
    if name not in _BITS:
        raise EgocleanError(f"a frame in {name} cannot be rectified on {device}, expected {' or '.join(_BITS)}")
    luma, chroma = (from_dlpack(plane.__dlpack__()).to(device, torch.float32) for plane in frame.planes)
    unit = float(1 << (_BITS[name] - 8))
    return luma[None, None] / unit, chroma.permute(2, 0, 1)[None] / unit


def _halve(plane: "torch.Tensor", times: int) -> "torch.Tensor":
    """Average 2x2 pixels ``times`` times; an odd last line is dropped."""
    from torch.nn.functional import avg_pool2d

    for _ in range(times):
        plane = avg_pool2d(plane, 2)
    return plane


def _weights(blur: BlurKernel, device: "torch.device") -> "torch.Tensor":
    """(taps,) weights of a Gaussian, summing to 1, as from ``cv2.getGaussianKernel``."""
    import torch

    if blur.taps == 1:
        return torch.ones(1, device=device)
    places = torch.arange(blur.taps, device=device) - blur.taps // 2
    weights = torch.exp(-0.5 * (places / blur.sigma_px) ** 2)
    return weights / weights.sum()
