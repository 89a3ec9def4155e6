"""Runs the real chain with all of its processes, and collects its figures."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from models.encoders.vjepa2.cost import EncoderShape
from models.memory.gpu import find_gpu
from stream.bench import figures
from stream.bench.device import GpuMeter, ceiling_flop_s
from stream.bench.figures import Figures, FinishedRun
from stream.config import Options
from stream.engines.table import run_prepared
from stream.errors import ExitCode
from stream.records.reading import layout_of
from stream.records.schema import events
from stream.records.schema.manifest import machine
from stream.run.prepare import Prepared
from stream.runtime.processes import encoder_profile
from stream.ui.view import PlainView


class NotesView(PlainView):
    """Shows only notes, on standard error, because drawing would be measured, too."""

    def __init__(self) -> None:
        super().__init__(Console(stderr=True))
        self.began_at = time.monotonic()
        """Start of the run on the monotonic clock, in seconds."""

    def begin(self, run_id: str) -> None:  # noqa: ARG002 - the records have it
        self.began_at = time.monotonic()

    def event(self, event: events.Event) -> None:
        """Do nothing: it is in the records."""


def measure(prepared: Prepared) -> Figures:
    """Run the chain and return all figures; the output folder should be a temporary one.

    Raises:
        EgocleanError: as in a run.
        SystemExit: the run was stopped by a signal.
    """
    options = prepared.options
    with GpuMeter() as meter:
        code = run_prepared(prepared, view := NotesView())
    if code not in (ExitCode.DONE, ExitCode.PARTIAL):
        raise SystemExit(code)
    finished = read_run(options.output.folder / prepared.source.stem)
    use = _utilisation(finished, options)
    return {
        "v": 1,
        "machine": {**machine(), "gpu": _card()},
        "clip": _clip(prepared),
        "decoder": finished.manifest["decoder"],
        "encoder": finished.manifest["encoder"],
        "chain": figures.chain(finished, options.machine.price_per_hour),
        "stages": figures.stages(finished),
        "gpu": meter.figures(flows_from := view.began_at + finished.starting_s, flows_from + finished.flowing_s),
        "utilisation": use,
        "annotation": figures.annotation(finished),
        "projection": figures.projection(
            finished, options.machine.price_per_hour, options.window.stride_s, _mfu_on_a_gpu(use, options)
        ),
    }


def read_run(run_dir: Path) -> FinishedRun:
    """Read the records of a finished run."""
    layout = layout_of(run_dir)
    last = layout.events.read_text().splitlines()[-1]
    return FinishedRun(json.loads(layout.manifest.read_text()), json.loads(last))


def _utilisation(run: FinishedRun, options: Options) -> Figures | None:
    if (window_flop := _window_flop(options)) is None:
        return None
    ceiling = ceiling_flop_s(run.manifest["encoder"]["dtype"])
    return figures.utilisation(run, window_flop, ceiling)


def _window_flop(options: Options) -> int | None:
    """Floating point operations of one window; None if they are unknown."""
    profile = encoder_profile(options) if options.encoder.model else None
    return profile.window_flop if profile else None


def _mfu_on_a_gpu(use: Figures | None, options: Options) -> float | None:
    """The MFU of ViT-L; None for other models, since a small model leaves more of a GPU idle."""
    if use is None or use["device"] == "cpu" or _window_flop(options) != EncoderShape().flop(options.sampling.frames):
        return None
    return float(use["mfu_while_encoding"])


def _card() -> dict[str, Any] | None:
    card = find_gpu()
    return asdict(card) if card else None


def _clip(prepared: Prepared) -> Figures:
    stream, source = prepared.stream, prepared.source
    size_bytes, declared_s = source.size_bytes, stream.declared_s
    mbit_s = size_bytes * 8 / declared_s / 1e6 if size_bytes and declared_s else None
    return {
        "name": source.stem,
        "codec": stream.codec,
        "width_px": stream.width_px,
        "height_px": stream.height_px,
        "fps": stream.fps,
        "mbit_s": round(mbit_s, 2) if mbit_s else None,
    }
