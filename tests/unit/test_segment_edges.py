"""Where segments begin and end, for windows of any length."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from models.encoders.cpu_store import CpuFrameStore
from models.encoders.encoder import TUBELET_FRAMES, ClipEmbedding, EncoderFacts, UInt8
from stream.detection.options import DetectorOptions
from stream.pipeline.facts import SegmentClosed
from stream.pipeline.items import EncoderFrame, End, Item
from stream.pipeline.stage import Pipeline, drive
from stream.stages.detect import Detect
from stream.stages.embed import Embed
from stream.video.sampling import Sampling

FPS, DURATION_S = 15, 170
OTHER_WORK_S = (100.0, 130.0)


class PixelEncoder:
    """Pixels as they are: one token for two frames."""

    name: Final = "pixels"
    encoder_px: Final = 4

    def __init__(self, frames: int) -> None:
        self.frames: Final = frames

    def facts(self) -> EncoderFacts:
        return {}

    def encode(self, window: UInt8) -> ClipEmbedding:
        tokens = window[::TUBELET_FRAMES].reshape(self.frames // TUBELET_FRAMES, -1).astype(np.float32)
        return ClipEmbedding(tokens.mean(axis=0), tokens.astype(np.float16))

    def frame_store(self) -> CpuFrameStore:
        return CpuFrameStore.one_by_one(self)


def two_works() -> Iterator[Item]:
    """A minute and more of one work, then another, then the first again; with noise."""
    generator = np.random.default_rng(0)
    usual, other = generator.integers(40, 200, (2, 4, 4, 3))
    for number in range(FPS * DURATION_S):
        t_s = number / FPS
        picture = other if OTHER_WORK_S[0] <= t_s < OTHER_WORK_S[1] else usual
        noise = generator.integers(-30, 31, picture.shape)
        yield EncoderFrame(number, t_s, 1 / FPS, (picture + noise).astype(np.uint8))
    yield End("end_of_stream", DURATION_S, FPS * DURATION_S)


@pytest.mark.parametrize("window", ["64@30", "16@8", "32@8", "64@4"])
def test_edges_come_at_their_time(window: str) -> None:
    """A stretch of other work is found where it is: long windows widen it on both sides alike, and do not shift it."""
    sampling = Sampling.parse(window)
    stage = Embed(PixelEncoder(sampling.frames), 1.0, rate_fps=sampling.rate_fps)
    items = drive(Pipeline([stage, Detect(DetectorOptions())]), two_works())
    anomalies = [item for item in items if isinstance(item, SegmentClosed) and item.kind == "anomalous"]
    early_s, late_s = OTHER_WORK_S[0] - anomalies[0].t_start_s, anomalies[-1].t_end_s - OTHER_WORK_S[1]
    assert abs(late_s - early_s) <= 2.0
    assert 0 <= late_s <= sampling.duration_s / 2
    assert 0 <= early_s <= max(2.0, sampling.duration_s / 2)
    assert all(one.t_end_s == following.t_start_s for one, following in pairwise(anomalies))
