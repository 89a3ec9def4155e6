"""The fastest matrix product of this very device, the ceiling that an encoder is measured against.

    python -m stream.bench.ceiling --dtype float16

A process of its own, so that whoever measures holds no memory of the GPU. Not run on a GPU yet.
"""

import json
import subprocess
import sys
import time

import click

_SIDES = {"cuda": (4096, 8192), "cpu": (1024, 2048)}
_ROUNDS = 5


def ceiling_flop_s(dtype: str) -> float:
    """Floating point operations a second of a large square product in numbers of ``dtype``, measured elsewhere.

    Raises:
        subprocess.CalledProcessError: torch cannot do it.
    """
    command = [sys.executable, "-m", "stream.bench.ceiling", "--dtype", dtype]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(json.loads(done.stdout)["flop_s"])


def measure(dtype: str) -> float:
    """The best of several products of several sizes, 2 n^3 operations each; torch accumulates float16 in float32."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    best = 0.0
    for side in _SIDES[device]:
        left = torch.rand(side, side, device=device).to(getattr(torch, dtype))
        for _ in range(_ROUNDS + 1):  # the first one is slow: it chooses a kernel
            began_at = time.perf_counter()
            left @ left
            if device == "cuda":
                torch.cuda.synchronize()
            best = max(best, 2 * side**3 / (time.perf_counter() - began_at))
    return best


@click.command()
@click.option("--dtype", type=click.Choice(["float32", "float16", "bfloat16"]), default="float16", show_default=True)
def main(dtype: str) -> None:
    """Print the ceiling of CUDA's first device, else of the CPU, as JSON."""
    click.echo(json.dumps({"dtype": dtype, "flop_s": measure(dtype)}))


if __name__ == "__main__":
    main()
