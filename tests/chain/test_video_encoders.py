"""What video encoders do beyond coding: their threads' scheduling, and the times of very short videos."""

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from stream.video.writer import Codec, Coding, VideoTiming, tags_of, video_writer


@pytest.mark.parametrize("codec", ["hevc", "h264", "av1"])
def test_no_thread_becomes_a_real_time_one(codec: Codec, tmp_path: Path) -> None:
    """While the encoder is open, and afterwards, every thread has the policy that the program began with."""
    frame = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
    policy = os.sched_getscheduler(0)
    timing = VideoTiming(tick=Fraction(1, 90_000), rate=Fraction(30))
    with video_writer(tmp_path / "clip.mp4", Coding(codec), (64, 64), tags_of(frame), timing) as writer:
        writer.add(frame, 0.0)
        policies = {os.sched_getscheduler(int(task.name)) for task in Path("/proc/self/task").iterdir()}
    assert policies == {os.sched_getscheduler(0)} == {policy}


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_video_of_few_pictures_is_written(frames: int, tmp_path: Path) -> None:
    """H.265 with B-frames, ten times in one process: every picture has its time."""
    for _ in range(10):
        picture = av.VideoFrame.from_ndarray(np.full((96, 64), 128, np.uint8), format="yuv420p")
        timing = VideoTiming(tick=Fraction(1, 90_000), rate=Fraction(30))
        path = tmp_path / "clip.mp4"
        with video_writer(path, Coding("hevc"), (64, 64), tags_of(picture), timing) as writer:
            for number in range(frames):
                writer.add(picture, number / 30)
        with av.open(path) as container:
            assert [frame.pts for frame in container.decode(video=0)] == [3000 * number for number in range(frames)]
