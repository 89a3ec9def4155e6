"""What of ONNX Runtime runs a model, by name."""

from typing import Literal, TypeAlias

Provider: TypeAlias = Literal["auto", "tensorrt", "cuda", "cpu"]
"""``auto`` takes the first of the others that works."""
