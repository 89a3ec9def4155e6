"""Segments to be described whose pictures are noise, for tests and benchmarks of annotators."""

from collections.abc import Sequence

import cv2
import numpy as np

from models.annotators.annotator import AnnotationRequest, RequestFrame


def noise_segments(
    count: int, *, frames: int = 3, fps: float = 1.0, width_px: int = 64, height_px: int = 48
) -> list[AnnotationRequest]:
    """``count`` segments, each of ``frames`` pictures of other noise."""
    times_s = [index / fps for index in range(frames)]
    return [noise_segment(times_s, seed=seed, width_px=width_px, height_px=height_px) for seed in range(count)]


def noise_segment(
    times_s: Sequence[float], *, seed: int = 0, width_px: int = 64, height_px: int = 48
) -> AnnotationRequest:
    """A segment with a picture at each time; it lasts one second longer."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(0, 256, (len(times_s), height_px, width_px, 3), np.uint8)
    jpegs = (cv2.imencode(".jpg", picture)[1].tobytes() for picture in pictures)
    frames = tuple(RequestFrame(t_s, jpeg) for t_s, jpeg in zip(times_s, jpegs, strict=True))
    return AnnotationRequest(f"s{seed}", f"{seed:08x}" * 8, times_s[-1] + 1, frames, width_px, height_px)
