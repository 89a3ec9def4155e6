"""Computes speed and cost from the records of a run; pure arithmetic."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from models.encoders.vjepa2.cost import EncoderShape
from stream.runtime.processes import ENCODE, INGEST, PROCESSES

Figures: TypeAlias = dict[str, Any]
"""Figures by name, as JSON."""

RTX_3090_FLOP_S = 71e12
"""Dense float16 products with float32 accumulation: 328 tensor cores, 64 multiply-adds a clock each, 1.695 GHz (NVIDIA,
Ampere GA102 GPU Architecture, whitepaper v2.0, appendix A: 71 TFLOP/s)."""


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """The records of a run that has finished."""

    manifest: Figures
    """``run.json``."""
    last: Figures
    """The event ``run.finished``."""

    @property
    def wall_s(self) -> float:
        return float(self.manifest["usage"]["wall_s"])

    @property
    def starting_s(self) -> float:
        """Seconds from the start of the run until all processes were ready."""
        return float(self.manifest["usage"]["starting_s"])

    @property
    def flowing_s(self) -> float:
        """The part of ``wall_s`` that grows with the length of the clip, without start-up and shutdown."""
        return float(max(self.manifest["usage"]["flowing_s"], 1e-3))

    @property
    def decoded_s(self) -> float:
        return float(self.last["decoded_s"])


def chain(run: FinishedRun, price_per_hour: float) -> Figures:
    """Figures of the whole chain; those named ``*_flowing`` are of a long clip, on which start-up does not count."""
    frames = run.last["frames"]
    x_flowing = run.decoded_s / run.flowing_s
    return {
        "video_s": round(run.decoded_s, 3),
        "frames": frames,
        "windows": run.last["windows"],
        "wall_s": round(run.wall_s, 3),
        "flowing_s": round(run.flowing_s, 3),
        "frames_per_s": round(frames / run.wall_s, 1),
        "frames_per_s_flowing": round(frames / run.flowing_s, 1),
        "x_real_time": round(run.decoded_s / run.wall_s, 2),
        "x_real_time_flowing": round(x_flowing, 2),
        "price_per_hour": price_per_hour,
        "dollars_per_video_hour": round(price_per_hour * run.wall_s / run.decoded_s, 5),
        "dollars_per_video_hour_flowing": round(price_per_hour / x_flowing, 5),
    }


def stages(run: FinishedRun) -> dict[str, Figures]:
    """Figures of each process: its speed if it never had to wait, and the resources that it uses.

    A process with a device counts as busy for as long as the busier of the two. CPU time excludes start-up.
    """
    used = run.manifest["usage"]["processes"]
    in_order = [*(name for name in PROCESSES if name in used), *(name for name in used if name not in PROCESSES)]
    return {name: _stage(run, used[name]) for name in in_order}


def _stage(run: FinishedRun, used: Figures) -> Figures:
    frames, busy_s = run.last["frames"], max(used["busy_s"], used.get("device_busy_s", 0.0), 1e-3)
    return {
        "frames_per_s": round(frames / busy_s, 1),
        "x_real_time": round(run.decoded_s / busy_s, 2),
        "busy_share": round(min(1.0, busy_s / run.flowing_s), 3),
        "cpu_ms_per_frame": round((used["cpu_s"] - used["starting_cpu_s"]) / frames * 1000, 3),
        "rss_bytes_max": used["rss_bytes_max"],
        "peak_vram_bytes": used.get("peak_vram_bytes"),
        "memory_halvings": used.get("memory_halvings"),
    }


def utilisation(run: FinishedRun, window_flop: int, ceiling_flop_s: float) -> Figures:
    """Model FLOPs utilisation (MFU) of the encoder: while it computes, and over the whole run.

    The busy time is that of the device, because the process may wait while the GPU computes, and the reverse.

    Args:
        run: the run.
        window_flop: floating point operations of one window.
        ceiling_flop_s: operations per second of a matrix product on the same device, in the same data type.
    """
    encoder = run.manifest["encoder"]
    total_flop = window_flop * run.last["windows"]
    busy_s = max(run.manifest["usage"]["processes"][ENCODE.name]["device_busy_s"], 1e-3)
    return {
        "window_tflop": _significant(window_flop / 1e12),
        "ceiling_tflop_s": _significant(ceiling_flop_s / 1e12),
        "device": encoder["device"],
        "dtype": encoder["dtype"],
        "device_busy_s": round(busy_s, 3),
        "mfu_while_encoding": round(total_flop / busy_s / ceiling_flop_s, 4),
        "mfu_of_the_chain": round(total_flop / run.flowing_s / ceiling_flop_s, 4),
    }


def _significant(figure: float) -> float:
    """Rounded to four significant digits."""
    return float(f"{figure:.4g}")


def projection(run: FinishedRun, price_per_hour: float, stride_s: float, mfu: float | None) -> Figures:
    """Estimate the speed of the chain with V-JEPA 2 ViT-L on an RTX 3090; calculated, never measured.

    The GPU is assumed to reach 71 TFLOP/s times ``mfu``, the utilisation measured on another GPU. If ``mfu`` is None,
    or above 1 because of a measurement error, it is taken as 1, and the result is an upper bound. Decoding and
    rectifying are as fast as measured, in one process on this CPU. The slower of the two sets the speed of the chain.
    """
    mfu = None if mfu is None or mfu > 1 else mfu
    frames = run.manifest["encoder"]["frames"]
    window_s = EncoderShape().flop(int(frames)) / (RTX_3090_FLOP_S * (mfu or 1.0))
    gpu_x = stride_s / window_s
    cpu_x = stages(run)[INGEST.name]["x_real_time"]
    return {
        "card": "RTX 3090",
        "model": f"V-JEPA 2 ViT-L, {frames} frames a window, one every {stride_s:g} s",
        "is_bound": mfu is None,
        "mfu": mfu,
        "window_ms": round(window_s * 1000, 1),
        "gpu_x_real_time": round(gpu_x, 2),
        "cpu_x_real_time": cpu_x,
        "x_real_time": round(min(gpu_x, cpu_x), 2),
        "bound_by": "the GPU" if gpu_x <= cpu_x else "decoding and rectifying on the CPU",
        "dollars_per_video_hour": round(price_per_hour / min(gpu_x, cpu_x), 5),
    }


def annotation(run: FinishedRun) -> Figures | None:
    """The cost of describing the segments, as recorded by the run; None if there was no annotator."""
    record = run.last.get("annotation")
    if not isinstance(record, dict) or not any(record.values()):
        return None
    seconds, tokens = record.get("seconds"), record.get("tokens_out")
    rate = round(tokens / seconds, 1) if seconds and tokens is not None else None
    return {**record, "tokens_out_per_s": rate}
