"""Warm starts: a run's detector begins with the normal work that an earlier run has learned."""

from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from threadpoolctl import ThreadpoolController

from stream.config import Options
from stream.detection.centroid import unit_vector
from stream.detection.detector import CausalDetector
from stream.errors import DamagedError, InputError, UsageError, sentence_of
from stream.geometry.calibrations.table import Calibration
from stream.pipeline.facts import SourceGap
from stream.pipeline.items import Float16, Float64
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, WarmStartRecord, read_manifest, require_grouped_options
from stream.records.schema.options import by_path
from stream.records.store.event_log import read_events
from stream.records.store.warm_start import digest_of_warm_start, packed, read_warm_start
from stream.records.worker import worker_ids
from stream.sources.batch_options import PREVIOUS
from stream.sources.sidecar import Sidecar

_SAME: Final = (
    "encoder.name", "encoder.model", "encoder.onnx_sha256", "encoder.resize_mode", "window.preset", "window.stride_s",
    "lens.rectify", "lens.preset", "lens.balance", "lens.fov_scale", "lens.new_camera",
)  # fmt: skip
"""Options that must agree for embeddings to be comparable."""
_BLOCK_WINDOWS: Final = 64


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What the detector begins with."""

    record: WarmStartRecord
    content: bytes
    """Of ``state/warm_start.state``."""


@dataclass(frozen=True, slots=True)
class NoWarmStart:
    """The detector begins with nothing."""

    reason: str = ""
    """Why, where a warm start was requested."""


def with_warm_start(
    options: Options, calibration: Calibration | None, sidecar: Sidecar | None, layout: RunLayout
) -> tuple[Options, WarmStart | NoWarmStart]:
    """The options with the digest of the warm start, and the warm start, or the reason why there is none.

    ``--warm-start previous`` takes the latest of ``resolved.earlier_runs`` that has finished with windows, unless its
    clip and this one name different workers. If that run is damaged, there is no warm start: the clip warms up by
    itself. A run that was begun keeps what it began with, also where that run has gone or grown since.

    Raises:
        UsageError: the run cannot be used: it is none, has no windows, or has other embeddings.
        InputError: the windows of the named run cannot be read.
        DamagedError: another file of the named run is damaged.
    """
    wanted = options.clips.warm_start
    if wanted is None:
        return options, NoWarmStart()
    if not options.starts_over and (begun := _begun(layout, wanted)) is not None:
        found = _taken_over(layout, begun)
    elif wanted == PREVIOUS:
        found = _learned_before(options, calibration, sidecar)
    else:
        found = _learned(_run_layout(Path(wanted)), options, calibration)
    digest = found.record.sha256 if isinstance(found, WarmStart) else None
    return options.replace({"detector.warm_start_sha256": digest}), found


def _begun(layout: RunLayout, wanted: str) -> Manifest | None:
    """The manifest of the run that was begun here with this ``--warm-start``; None without one."""
    if not (layout.events.exists() and layout.manifest.exists()):
        return None
    manifest = read_manifest(layout.manifest)
    if by_path(manifest.options, "clips.warm_start") != wanted:
        return None
    named = manifest.warm_start if wanted != PREVIOUS else None
    return None if named and _is_replaced(Path(wanted), named) else manifest


def _taken_over(layout: RunLayout, begun: Manifest) -> WarmStart | NoWarmStart:
    """What a run began with, from its own folder."""
    record = begun.warm_start
    normal = read_warm_start(layout, record.sha256) if record else None
    return WarmStart(record, packed(normal)) if record and normal else NoWarmStart(begun.no_warm_start)


def _is_replaced(folder: Path, record: WarmStartRecord) -> bool:
    """Whether another run is now where the recorded one was."""
    manifest = RunLayout(folder, folder.name).manifest
    return manifest.exists() and read_manifest(manifest).run_id != record.run_id


def _learned_before(
    options: Options, calibration: Calibration | None, sidecar: Sidecar | None
) -> WarmStart | NoWarmStart:
    """What the worker's clip before this one has taught."""
    try:
        run = _previous(options, sidecar)
        return (
            _learned(run, options, calibration) if run else NoWarmStart("no earlier clip of this worker has finished")
        )
    except (InputError, DamagedError, OSError) as error:
        return NoWarmStart(f"the run of the clip before is of no use: {sentence_of(error)}")


def _previous(options: Options, sidecar: Sidecar | None) -> RunLayout | None:
    """The latest earlier run of this worker in the batch."""
    worker = worker_ids(options.source, asdict(sidecar) if sidecar else None)
    for folder in reversed(options.resolved.earlier_runs):
        layout = RunLayout(folder, folder.name)
        if not layout.manifest.exists() or not layout.timestamps.exists():
            continue
        manifest = read_manifest(layout.manifest)
        earlier = worker_ids(manifest.source.name, manifest.source.sidecar)
        if manifest.state == "finished" and _agree(earlier, worker):
            return layout
    return None


def _agree(earlier: tuple[str, str], now: tuple[str, str]) -> bool:
    """Whether the ids of two clips name the same worker, as far as both do."""
    return all(before == after for before, after in zip(earlier, now, strict=True) if before and after)


def _run_layout(folder: Path) -> RunLayout:
    """The run in a run directory that the user names."""
    layout = RunLayout(folder, folder.resolve().name)
    if not (layout.manifest.exists() and layout.events.exists()):
        raise UsageError(
            f"--warm-start {folder}: must be {PREVIOUS}, or a run directory with a run.json and an events.jsonl"
        )
    if not layout.timestamps.exists():
        raise UsageError(f"--warm-start {folder}: the run has no windows to learn from")
    return layout


def _learned(run: RunLayout, options: Options, calibration: Calibration | None) -> WarmStart:
    """What a run has learned, by running the detector over its windows again."""
    manifest = read_manifest(run.manifest)
    require_grouped_options(manifest, run.root, "or name a newer run")
    recorded, defaults = options.recorded(), options.identity_defaults()
    before = {path: by_path(manifest.options, path) for path in _SAME}
    compared = {
        path: (defaults[path] if value is None else value, by_path(recorded, path)) for path, value in before.items()
    }
    lens = calibration.intrinsics.model_dump(mode="json") if calibration else {}
    compared |= {f"intrinsics {name}": ((manifest.intrinsics or {}).get(name), now) for name, now in lens.items()}
    for name, (then, now) in compared.items():
        if then != now:
            raise UsageError(
                f"--warm-start: {run.root} has other embeddings ({name}: {then} then, {now} now): name a run with "
                "the same encoder, windows, lens options and calibration"
            )
    normal = read_warm_start(run, by_path(manifest.options, "detector.warm_start_sha256"))
    detector = CausalDetector(options.detector, normal)
    gaps = deque(event for event in read_events(run.events) if isinstance(event, SourceGap))
    windows = 0
    with ThreadpoolController().select(internal_api="openblas").limit(limits=1):  # sums do not depend on the machine
        for t_s, temporal in _windows(run):
            while gaps and t_s >= gaps[0].t_start_s:
                gaps.popleft()
                detector.interrupt()
            detector.push(t_s, unit_vector(temporal))
            windows += 1
    if not windows:
        raise UsageError(f"--warm-start {run.root}: the run has no windows to learn from")
    content = packed(detector.learned(options.window.stride_s))
    record = WarmStartRecord(
        run=str(run.root), run_id=manifest.run_id, clip=run.stem, windows=windows, sha256=digest_of_warm_start(content)
    )
    return WarmStart(record, content)


def _windows(run: RunLayout) -> Iterator[tuple[float, Float16]]:
    """The windows of a run, with their times in seconds.

    Raises:
        InputError: the arrays cannot be read.
    """
    try:
        times_s: Float64 = np.asarray(np.load(run.timestamps, allow_pickle=False), np.float64)
        for first in range(0, len(times_s), _BLOCK_WINDOWS):
            rows = np.load(run.temporal, mmap_mode="r", allow_pickle=False)  # again: the pages of the last are released
            block = np.array(rows[first : first + _BLOCK_WINDOWS])
            yield from zip(times_s[first : first + len(block)].tolist(), block, strict=True)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"--warm-start: the windows of {run.root} cannot be read ({error}): run its clip again with --overwrite"
        ) from error
