from typing import Literal, TypeAlias

Provider: TypeAlias = Literal["auto", "tensorrt", "cuda", "cpu"]
