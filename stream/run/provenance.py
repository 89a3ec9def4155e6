"""Fill ``run.json``: at the start with source, options and versions, at the end with models and results."""

from dataclasses import asdict

from stream.errors import ExitCode
from stream.records.schema.generate import hashes as schema_hashes
from stream.records.schema.health import now
from stream.records.schema.manifest import Manifest, SourceRecord, digest_of, machine, packages
from stream.run.prepare import Prepared
from stream.run.warm_start import WarmStart
from stream.runtime.heartbeat import ChainStatus


def begin(prepared: Prepared) -> Manifest:
    """The manifest of a new run, before its first frame is decoded."""
    options = prepared.options.recorded()
    source, calibration, warm_start = prepared.source, prepared.calibration, prepared.warm_start
    began = _now()
    return Manifest(
        run_id=digest_of([source.name, source.size_bytes, options, began])[:16],
        state="running",
        started=began,
        source=SourceRecord(
            name=source.name,
            size_bytes=source.size_bytes,
            edges_sha256=source.edges_sha256(),
            mtime_ns=source.mtime_ns,
            origin=source.origin(),
            stream=asdict(prepared.stream),
            sidecar=asdict(prepared.sidecar) if prepared.sidecar else None,
        ),
        intrinsics=calibration.intrinsics.model_dump() if calibration else None,
        intrinsics_format=calibration.format if calibration else None,
        decoder=asdict(prepared.decoder),
        options=options,
        warm_start=warm_start.record if isinstance(warm_start, WarmStart) else None,
        no_warm_start="" if isinstance(warm_start, WarmStart) else warm_start.reason,
        schemas=schema_hashes(),
        packages=packages(),
        machine=machine(),
    )


def resumed_manifest(earlier: Manifest, current: Manifest) -> Manifest:
    """The manifest of a resumed run, whose clip and calibration may have been moved."""
    earlier.state, earlier.ended, earlier.exit_code = "running", None, None
    if current.source.edges_sha256:
        earlier.source.name, earlier.source.mtime_ns = current.source.name, current.source.mtime_ns
        earlier.options["source"] = current.options["source"]
        earlier.options["lens"] = current.options["lens"]
        earlier.intrinsics_format = current.intrinsics_format
    return earlier


def complete(manifest: Manifest, code: int, prepared: Prepared, status: ChainStatus) -> None:
    """Add the outcome of the run, and the facts that its processes reported."""
    manifest.state = "finished" if code in (ExitCode.DONE, ExitCode.PARTIAL) else "failed"
    manifest.ended = _now()
    manifest.exit_code = code
    manifest.rectification = status.section("rectification")
    manifest.windows = status.section("windows")
    manifest.encoder = status.section("encoder")
    if reason := prepared.options.encoder.reason:
        manifest.encoder = {**manifest.encoder, "reason": reason}
    manifest.source.fetched_bytes = _fetched_bytes(prepared, status)
    manifest.annotator = status.section("annotator")


def _fetched_bytes(prepared: Prepared, status: ChainStatus) -> int | None:
    """Bytes fetched by this process, which probed the clip, and by the one that read it."""
    looking = prepared.source.fetched_bytes
    return None if looking is None else looking + (status.section("source").get("fetched_bytes") or 0)


def _now() -> str:
    return now().isoformat(timespec="milliseconds")
