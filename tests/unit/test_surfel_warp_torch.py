"""The warp in torch, on the CPU, against the compiled one."""

import numpy as np
import pytest

from stream.alignment.warp.surfels import SurfelWarp
from stream.alignment.warp.surfels_torch import TorchSurfelWarp
from stream.bench.alignment.scenes import scene, view
from stream.geometry.pose import RigidPose
from tests.support.rotations import rotation
from tests.support.warped import camera, depth_of

pytestmark = pytest.mark.slow  # it uses torch


@pytest.mark.parametrize(
    "pose",
    [
        RigidPose.translation(0.0, -0.07, 0.0),
        RigidPose(rotation(0.05, -0.1, 0.1), np.array([0.03, -0.05, -0.15])),
        RigidPose(rotation(0.0, np.pi, 0.0), np.zeros(3)),
    ],
    ids=["down", "all", "behind"],
)
def test_torch_does_the_same_arithmetic(pose: RigidPose) -> None:
    """Holes, depth and positions to 1e-3, colours to rounding; one pixel in a thousand may round to another side."""
    seen = scene("in-hand")
    source, target = seen.camera(160, 90), camera(120, 80, 110.0)
    of_source = view(seen, source, RigidPose.identity())
    z = of_source.depth_m.copy()
    z[30:35, 60:80] = np.nan
    compiled, torch = (
        warp.warp(of_source.picture, depth_of(z), pose)
        for warp in (SurfelWarp(source, target), TorchSurfelWarp(source, target, "cpu"))
    )
    same = compiled.is_real & torch.is_real
    assert (compiled.is_real != torch.is_real).mean() < 1e-3
    close = (np.abs(compiled.inverse_z - torch.inverse_z) <= 1e-3 * compiled.inverse_z)[same]
    close &= (np.abs(compiled.source_xy - torch.source_xy) <= 1e-3 * source.width_px)[same].all(axis=-1)
    assert (~close).sum() <= 1e-3 * same.size
    difference = np.abs(compiled.picture[same].astype(int) - torch.picture[same])[close]
    assert difference.max(initial=0) <= 3
