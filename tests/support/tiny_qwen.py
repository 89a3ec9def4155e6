"""Small random Qwen-VL checkpoints and segments to ask them about, for tests."""

from tests.support.noise_segments import noise_segment, noise_segments
from tests.support.random_qwen import FAMILIES, Family, save_tiny_qwen

__all__ = ["FAMILIES", "Family", "noise_segment", "noise_segments", "save_tiny_qwen"]
