"""Which options make a run another one, and what is recorded of them."""

from pathlib import Path
from typing import ClassVar

import pytest

from models.encoders.onnx.facts import OnnxFacts, facts_path
from models.encoders.vjepa2.cost import EncoderShape
from stream.config import OPTIONS, Options, validate
from stream.errors import UsageError
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import Manifest, SourceRecord
from stream.records.schema.options import OptionGroup, option, options_of
from stream.records.store.run_lock import earlier_run
from stream.run.prepare import with_encoder


class MoreEncoder(OptionGroup):
    """A group with an option that older runs do not have."""

    title: ClassVar[str] = "More"

    added: int = option(3, "An option that is added later.")


class MoreOptions(Options):
    """Options of a later version."""

    more: MoreEncoder = MoreEncoder()


def test_an_added_option_leaves_the_identity_as_it_was() -> None:
    """Only a marked field decides which run it is; a new one without the mark decides nothing."""
    before, after = Options(source="clip.mp4"), MoreOptions(source="clip.mp4")
    assert "more.added" in {each.path for each in options_of(MoreOptions)}
    assert after.identity() == before.identity()
    assert after.replace({"more.added": 4}).identity() == before.identity()


@pytest.mark.parametrize("path", [path for path, each in OPTIONS.items() if each.extra["identity"]])
def test_marked_options_are_the_identity(path: str) -> None:
    """Each is in it under its path, and nothing else is but the source."""
    identity = Options(source="clip.mp4").identity()
    assert path in identity
    assert set(identity) <= {"source", "encoder.onnx_sha256", "detector.warm_start_sha256", *OPTIONS}


@pytest.mark.parametrize(
    "changes",
    [
        {"input.decoder": "nvdec"},
        {"input.cache_source": True},
        {"encoder.batch": 4},
        {"keyframes.cache_mib": 9},
        {"encoder.max_wait_s": 2.0},
        {"annotator.url": "http://elsewhere/v1", "annotator.request_timeout_s": 9.0},
        {"live.read_timeout_s": 3.0},
        {"output.folder": Path("elsewhere"), "output.overwrite": True, "clips.jobs": 3},
        {"runtime.max_restarts": 9, "machine.price_per_hour": 2.0, "monitoring.metrics_port": 0},
    ],
)
def test_how_a_run_is_carried_out_is_not_its_identity(tmp_path: Path, changes: dict[str, object]) -> None:
    """A run that chose NVDEC, another batch, a port or a price is resumed with other ones."""
    first = Options(source="clip.mp4").replace(changes)
    layout = RunLayout(tmp_path, "clip")
    layout.events.write_text("")
    recorded(first).write(layout.manifest)
    now = Options(source="clip.mp4").replace({"input.decoder": "cpu"})
    assert earlier_run(layout, recorded(now), now.identity_defaults(), lambda: None) is not None
    other = now.replace({"window.stride_s": 2.0})
    with pytest.raises(UsageError, match=r"window\.stride_s: 1\.0 then, 2\.0 now"):
        earlier_run(layout, recorded(other), other.identity_defaults(), lambda: None)


def test_an_exported_encoder_is_known_by_its_content(tmp_path: Path) -> None:
    """A moved ONNX file is the same run; another one at the old place is not."""
    first, moved, other = (tmp_path / name for name in ("a/encoder.onnx", "b/moved.onnx", "c/encoder.onnx"))
    for file, graph in ((first, "1"), (moved, "1"), (other, "2")):
        file.parent.mkdir()
        describe_export(file, graph)
    runs = [
        Options(source="clip.mp4").replace({"encoder.runtime": "onnx", "encoder.onnx": file})
        for file in (first, moved, other)
    ]
    same, again, different = (with_encoder(each).identity() for each in runs)
    assert same == again != different
    assert validate(with_encoder(runs[0]).recorded()).identity() == same


def describe_export(file: Path, graph: str) -> None:
    """The JSON file beside an exported encoder, whose files have made-up digests."""
    facts = OnnxFacts(
        model="m", revision="r", weights_sha256="w", dtype="float32", frames=64, encoder_px=256, dims=8,
        shape=EncoderShape(), opset=20, torch="2", transformers="5",
        files_sha256={file.name: graph, f"{file.name}.data": "d"},
    )  # fmt: skip
    facts_path(file).write_text(facts.model_dump_json())


def recorded(options: Options) -> Manifest:
    """The manifest of a run with these options."""
    return Manifest(
        run_id="r", state="running", started="", source=SourceRecord(name="clip.mp4", size_bytes=1),
        intrinsics=None, options=options.recorded(),
    )  # fmt: skip


def test_records_hold_no_secret_and_nothing_that_is_not_an_option() -> None:
    """Options that are read from a record are those that were written to it."""
    options = Options(source="rtsp://me:hidden@host/x").replace({"resolved.encoder_endpoint": "ipc:///tmp/x"})
    assert "hidden" not in str(options.recorded())
    assert "resolved" not in options.recorded()
    assert validate(options.recorded()).identity() == options.identity()
