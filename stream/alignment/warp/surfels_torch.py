"""The warp by planar patches in torch, for a GPU: the arithmetic of ``patches`` and ``cracks`` for all pixels at once.

Tested against them with torch on the CPU. Edges are snapped before, as there, on the CPU: a scan that goes on from
pixel to pixel is no work for a GPU.
"""

from typing import TYPE_CHECKING

import numpy as np

from stream.alignment.warp.cracks import DISTANCE_MAX_PX, TOLERANCE
from stream.alignment.warp.patches import HALF_PX, SHRINK_MAX
from stream.alignment.warp.surfels import SurfelWarp, plane_motion
from stream.geometry.pinhole import PinholeCamera
from stream.geometry.pose import RigidPose
from stream.pipeline.items import Float32, UInt8

if TYPE_CHECKING:
    import torch


class TorchSurfelWarp(SurfelWarp):
    """Warps pictures of one camera into another on a device of torch."""

    def __init__(
        self, source: PinholeCamera, target: PinholeCamera, device: str, *, snaps_edges: bool | None = None
    ) -> None:
        """Choose the device; the other arguments are those of ``SurfelWarp``."""
        import torch

        super().__init__(source, target, snaps_edges=snaps_edges)
        self._device = torch.device(device)

    def _draw(self, target_from_source: RigidPose) -> tuple[Float32, Float32]:
        import torch

        m, b, stretch_max = plane_motion(self.source, self.target, target_from_source)
        shape = self.target.height_px, self.target.width_px
        with torch.inference_mode():
            padded_w = torch.from_numpy(self._padded_w).to(self._device)
            q, xy = draw_patches(padded_w, m, b, float(stretch_max), shape)
            closed_q, closed_xy = close_cracks(q, xy, padded_w[1:-1, 1:-1])
            return closed_q.cpu().numpy(), closed_xy.cpu().numpy()

    def _sampled(self, picture: UInt8, source_xy: Float32) -> UInt8:
        import torch
        from torch.nn.functional import grid_sample

        end = torch.tensor([max(1, side - 1) for side in picture.shape[1::-1]], device=self._device)
        with torch.inference_mode():
            pixels = torch.from_numpy(picture).to(self._device, torch.float32).permute(2, 0, 1)[None]
            grid = torch.from_numpy(source_xy).to(self._device)[None] * (2.0 / end) - 1.0
            sampled = grid_sample(pixels, grid, mode="bilinear", padding_mode="border", align_corners=True)
            return np.asarray(sampled[0].permute(1, 2, 0).round().to(torch.uint8).cpu().numpy(), np.uint8)


def draw_patches(
    padded_w: "torch.Tensor", m: Float32, b: Float32, stretch_max: float, shape: tuple[int, int]
) -> "tuple[torch.Tensor, torch.Tensor]":
    """(H', W') inverse depth in the target, 0 in holes, and (H', W', 2) positions in the source."""
    import torch

    patches = _project(padded_w, m, b, stretch_max)
    height, width = padded_w.shape[0] - 2, padded_w.shape[1] - 2
    end_x, end_y = width - 1, height - 1
    found = []
    first_row, first_column = (patches["v"] - patches["half_v"]).ceil(), (patches["u"] - patches["half_u"]).ceil()
    rows = (
        int(((patches["v"] + patches["half_v"]).floor() - first_row).max().clamp(min=-1.0)) + 1 if len(first_row) else 0
    )
    columns = int(((patches["u"] + patches["half_u"]).floor() - first_column).max().clamp(min=-1.0)) + 1 if rows else 0
    for down in range(rows):
        for across in range(columns):
            row, column = first_row + down, first_column + across
            du, dv = column - patches["u"], row - patches["v"]
            dx, dy = patches["x_u"] * du + patches["x_v"] * dv, patches["y_u"] * du + patches["y_v"] * dv
            x, y = patches["x"] + dx, patches["y"] + dy
            inside = (row >= 0) & (row < shape[0]) & (column >= 0) & (column < shape[1])
            inside &= (x >= 0) & (x <= end_x) & (y >= 0) & (y <= end_y)
            hit = inside & (dx.abs() <= float(HALF_PX)) & (dy.abs() <= float(HALF_PX))
            at = (row[hit] * shape[1] + column[hit]).long()
            q = (patches["q"] + patches["q_u"] * du + patches["q_v"] * dv)[hit]
            order = (patches["y"] * width + patches["x"])[hit]
            found.append((at, q, order, torch.stack([x[hit], y[hit]], dim=-1)))
    return _nearest(found, shape, padded_w.device)


def _project(padded_w: "torch.Tensor", m: Float32, b: Float32, stretch_max: float) -> "dict[str, torch.Tensor]":
    """All patches that are drawn, (N,) each: as ``patches._project_row`` does for a row."""
    import torch

    (m00, m01, m02), (m10, m11, m12), (m20, m21, m22) = m.tolist()
    b0, b1, b2 = b.tolist()
    w = padded_w[1:-1, 1:-1]
    y, x = torch.meshgrid(*(torch.arange(side, device=w.device, dtype=w.dtype) for side in w.shape), indexing="ij")
    w_x = _smaller(w - padded_w[1:-1, :-2], padded_w[1:-1, 2:] - w)
    w_y = _smaller(w - padded_w[:-2, 1:-1], padded_w[2:, 1:-1] - w)
    inverse = 1.0 / (m20 * x + (m21 * y + m22) + w * b2)
    u, v = (m00 * x + (m01 * y + m02) + w * b0) * inverse, (m10 * x + (m11 * y + m12) + w * b1) * inverse
    q, h_x, h_y = w * inverse, m20 + w_x * b2, m21 + w_y * b2
    u_x, u_y = (m00 + w_x * b0 - u * h_x) * inverse, (m01 + w_y * b0 - u * h_y) * inverse
    v_x, v_y = (m10 + w_x * b1 - v * h_x) * inverse, (m11 + w_y * b1 - v * h_y) * inverse
    area, nearer = u_x * v_y - u_y * v_x, inverse * inverse
    is_drawn = (w > 0.0) & (inverse > 0.0) & (area > float(SHRINK_MAX) * nearer) & (area < stretch_max * nearer)
    is_drawn &= (u.abs() < 1e6) & (v.abs() < 1e6)
    x_u, x_v, y_u, y_v = v_y / area, -u_y / area, -v_x / area, u_x / area
    q_x, q_y = (w_x - q * h_x) * inverse, (w_y - q * h_y) * inverse
    half_u, half_v = float(HALF_PX) * (u_x.abs() + u_y.abs()), float(HALF_PX) * (v_x.abs() + v_y.abs())
    values = {"x": x, "y": y, "u": u, "v": v, "q": q, "half_u": half_u, "half_v": half_v}
    values |= {"x_u": x_u, "x_v": x_v, "y_u": y_u, "y_v": y_v}
    values |= {"q_u": q_x * x_u + q_y * y_u, "q_v": q_x * x_v + q_y * y_v}
    return {name: value[is_drawn] for name, value in values.items()}


def _smaller(one: "torch.Tensor", other: "torch.Tensor") -> "torch.Tensor":
    """The smaller one of two slopes of the same sign, else 0."""
    import torch

    return torch.where(one * other > 0.0, torch.where(one.abs() < other.abs(), one, other), 0.0)


def _nearest(
    found: "list[tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]]",
    shape: tuple[int, int],
    device: "torch.device",
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Of all patches at a pixel the nearest one, and of equally near ones the first one of the source."""
    import torch

    nearest_q = torch.zeros(shape[0] * shape[1], device=device)
    for at, q, _, _ in found:
        nearest_q.scatter_reduce_(0, at, q, "amax")
    first = torch.full_like(nearest_q, float("inf"))
    for at, q, order, _ in found:
        first.scatter_reduce_(0, at, torch.where(q == nearest_q[at], order, float("inf")), "amin")
    source_xy = torch.zeros((len(nearest_q), 2), device=device)
    for at, q, order, xy in found:
        is_first = (q == nearest_q[at]) & (order == first[at])
        source_xy[at[is_first]] = xy[is_first]
    return nearest_q.reshape(shape), source_xy.reshape(*shape, 2)


def close_cracks(
    nearest_q: "torch.Tensor", source_xy: "torch.Tensor", w: "torch.Tensor"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """As ``cracks.close_cracks``: inverse depth and positions in the source, with cracks closed."""
    import torch

    closed_q, closed_xy = nearest_q.clone(), source_xy.clone()
    for axis in (1, 0):
        length = nearest_q.shape[axis]
        one, middle, other = (nearest_q.narrow(axis, start, length - 2) for start in (0, 1, 2))
        xy0, xy1 = source_xy.narrow(axis, 0, length - 2), source_xy.narrow(axis, 2, length - 2)
        mean, xy = 0.5 * (one + other), 0.5 * (xy0 + xy1)
        is_farther = ((one - other).abs() < float(TOLERANCE) * mean) & (
            middle < (1.0 - float(TOLERANCE)) * torch.minimum(one, other)
        )
        between, ends = _at(w, xy), 0.5 * (_at(w, xy0) + _at(w, xy1))
        is_one_place = (xy0 - xy1).abs().sum(dim=-1) < float(DISTANCE_MAX_PX)
        is_one_surface = (between - ends).abs() < float(TOLERANCE) * ends
        q, at = closed_q.narrow(axis, 1, length - 2), closed_xy.narrow(axis, 1, length - 2)
        is_crack = is_farther & is_one_place & is_one_surface & (mean > q)
        q.copy_(torch.where(is_crack, mean, q))
        at.copy_(torch.where(is_crack[..., None], xy, at))
    return closed_q, closed_xy


def _at(w: "torch.Tensor", xy: "torch.Tensor") -> "torch.Tensor":
    """The value of the nearest pixel."""
    column, row = xy.round().long().unbind(dim=-1)
    return w[row, column]
