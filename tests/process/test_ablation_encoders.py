"""Encoders compared on a video: one decoding pass, and views that keep of a window what they say."""

import io
import json
import tarfile
from collections.abc import Generator, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from rich.console import Console

import tests.tools.ablation.record
from models.encoders import grid
from models.encoders.encoder import ENCODER_PX, FRAMES, ClipEmbedding, UInt8
from models.encoders.grid import GridEncoder
from models.encoders.grid_histograms import GRID_PX
from stream.config import Options
from stream.errors import IntrinsicsError, ModelUnavailableError
from stream.pipeline.items import Embedding, Packet, SourceEvent
from stream.pipeline.stage import Pipeline, drive
from stream.records.schema.layout import RunLayout
from stream.run.prepare import prepare
from stream.runtime.processes import INGEST
from stream.runtime.work import build
from stream.sources.clip import Clip
from stream.stages.embed import Embed
from stream.video.packets import packets
from tests.support.clips import make_clip, texture
from tests.support.runs import write_intrinsics
from tests.support.tiny_models import save_tiny_vjepa2, textured_frame
from tests.tools.ablation.__main__ import ablation
from tests.tools.ablation.encoders import VIEWS, ThumbnailEncoder, appearance, motion, pooled, tokens, without_context
from tests.tools.ablation.record import record

SECONDS = 6
WORKER = Path(__file__).parents[2].parent / "shared" / "data" / "egocentric100k_like" / "factory001" / "worker001"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short clip that looks different every second, with its calibration and its truth beside it."""
    folder = tmp_path_factory.mktemp("clip")
    write_intrinsics(folder)
    (folder / "truth.json").write_text('{"clip": [{"t_start_s": 1, "t_end_s": 3, "kind": "anomalous"}]}')
    pictures = [picture for second in range(SECONDS) for picture in texture(30, 128, 96, seed=second)]
    return make_clip(folder / "clip.mp4", pictures=pictures)


def variants(clip: Path, *words: str | Path) -> list[dict[str, Any]]:
    """What the command prints with --json."""
    arguments = [str(clip), "--truth", str(clip.with_name("truth.json")), *map(str, words), "--json"]
    report = json.loads(CliRunner().invoke(ablation, arguments, catch_exceptions=False).stdout)
    rows: list[dict[str, Any]] = report["variants"]
    return rows


def window(*, moving: bool = True, seed: int = 0) -> UInt8:
    """(64, 64, 64, 3) frames of one picture, which shakes where it is moving."""
    picture = textured_frame(GRID_PX, GRID_PX, seed=seed)
    return np.stack([np.roll(picture, (number * number) % 6 if moving else 0, axis=1) for number in range(FRAMES)])


def embedding(both: ClipEmbedding) -> Embedding:
    """As the window stage gives it."""
    return Embedding(0, 0.0, 2.1, both.mean, both.temporal)


def test_each_clip_is_decoded_once(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many encoders and detectors are compared, the clip's packets are read once, each one decoded."""
    read: list[Packet | SourceEvent] = []

    def spy(source: Clip) -> Generator[Packet | SourceEvent, None, None]:
        for packet in packets(source):
            read.append(packet)
            yield packet

    monkeypatch.setattr(tests.tools.ablation.record, "packets", spy)
    rows = variants(clip)
    assert sum(isinstance(packet, Packet) for packet in read) == 30 * SECONDS
    assert {row["variant"] for row in rows if row["pooled"]} >= set(VIEWS) - {"vjepa2"}
    assert {row["encoder"] for row in rows if row["varies"] == "detector"} == {"grid"}


def test_series_are_what_the_chain_embeds(clip: Path) -> None:
    """The grid's row sees the embeddings that a run makes of the clip, at the same times."""
    prepared = prepare(Options(source=str(clip)).replace({"encoder.name": "grid"}))
    work = build(INGEST, prepared.options, RunLayout(Path(), "clip"))
    chain = Pipeline([work.stage, Embed(GridEncoder(), 1.0)])
    embeddings = [item for item in drive(chain, packets(prepared.source)) if isinstance(item, Embedding)]
    series = record(prepared, {"grid": GridEncoder()}, Console(file=io.StringIO()))
    assert set(series) == {name for name, view in VIEWS.items() if view.encoder == "grid"}
    assert series["grid"].t_start_s == [item.t_sample_s for item in embeddings]
    assert series["grid"].known_s == [item.t_end_s for item in embeddings]
    assert np.array_equal(np.stack(series["grid"].vectors), np.stack([item.temporal for item in embeddings]))
    assert len(embeddings) == SECONDS - 2


def test_vjepa2_runs_with_weights(clip: Path, tmp_path: Path) -> None:
    """With weights V-JEPA 2 has its row, at its own frame size, and the detectors are compared on it; without, the row
    says why it was not run."""
    model = save_tiny_vjepa2(tmp_path / "tiny", encoder_px=64)
    with_weights = variants(clip, "--encoder-model", model)
    ran = {row["variant"]: row for row in with_weights if row["varies"] == "encoder"}
    assert (ran["vjepa2"]["not_run"], ran["vjepa2"]["pooled"]["true_events"]) == (None, 1)
    assert {row["encoder"] for row in with_weights if row["varies"] == "detector"} == {"vjepa2"}
    (without,) = (row for row in variants(clip) if row["pooled"] is None)
    assert (without["variant"], without["clips"]) == ("vjepa2", {})
    assert "--encoder-model" in without["not_run"]


def test_weights_that_cannot_be_loaded_are_refused(clip: Path, tmp_path: Path) -> None:
    """Weights that were requested and are not whole, or not what they claim, end the command before any work."""
    model = save_tiny_vjepa2(tmp_path / "tiny", encoder_px=64)
    (model / "model.safetensors").write_bytes(b"no weights")
    for folder in (model, tmp_path / "nowhere"):
        with pytest.raises(ModelUnavailableError):
            variants(clip, "--encoder-model", folder)


def test_lens_is_never_guessed(clip: Path, tmp_path: Path) -> None:
    """Without a calibration the command stops, as a run does; --no-rectify takes the picture as it is."""
    bare = tmp_path / "clip.mp4"
    bare.symlink_to(clip)
    (tmp_path / "truth.json").write_text("[]")
    with pytest.raises(IntrinsicsError, match="no intrinsics"):
        variants(bare)
    assert variants(bare, "--no-rectify")[0]["pooled"]["true_events"] == 0


def test_context_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without temporal context the grid's tokens are those of an encoder that mixes none, but for the rounding."""
    frames = window()
    undone = without_context(embedding(GridEncoder().encode(frames))).astype(np.float64)
    mixed = GridEncoder().encode(frames).temporal.astype(np.float64)
    monkeypatch.setattr(grid, "OWN_SHARE", 1.0)
    own = GridEncoder().encode(frames).temporal.astype(np.float64)
    assert np.abs(undone - own).max() < 0.05 * np.abs(mixed - own).max()


def test_motion_and_appearance_part_the_tokens() -> None:
    """What stands still looks different and moves the same; together both views hold all of the tokens."""
    encoder = GridEncoder()
    one, other = (embedding(encoder.encode(window(moving=False, seed=seed))) for seed in (0, 1))
    shaken = embedding(encoder.encode(window(moving=True, seed=0)))
    assert np.array_equal(motion(one), motion(other))
    assert not np.allclose(appearance(one), appearance(other), atol=0.02)
    assert not np.allclose(motion(one), motion(shaken), atol=0.02)
    both = np.concatenate([appearance(one), motion(one)], axis=-1)
    assert np.array_equal(both.reshape(tokens(one).shape), tokens(one))


def test_pooled_view_forgets_the_order() -> None:
    """The mean over the window is the same for its tokens in any order; the tokens are not."""
    clip_embedding = GridEncoder().encode(window())
    reverse = embedding(ClipEmbedding(clip_embedding.mean, clip_embedding.temporal[::-1]))
    assert np.array_equal(pooled(embedding(clip_embedding)), pooled(reverse))
    np.testing.assert_allclose(
        pooled(embedding(clip_embedding)), clip_embedding.temporal.astype(np.float64).mean(axis=0), atol=1e-3
    )


def test_thumbnail_sees_one_frame() -> None:
    """The single-frame encoder looks at the window's first frame alone, and not at its brightness."""
    encoder = ThumbnailEncoder()
    first, second = textured_frame(ENCODER_PX, ENCODER_PX), textured_frame(ENCODER_PX, ENCODER_PX, seed=1)
    clip_embedding = encoder.encode(np.stack([first, first]))
    assert np.array_equal(clip_embedding.mean, encoder.encode(np.stack([first, second])).mean)
    assert not np.allclose(clip_embedding.mean, encoder.encode(np.stack([second, first])).mean, atol=1)
    dark = (first // 4 * 2).astype(np.uint8)
    brighter = encoder.encode(np.stack([dark + np.uint8(50)] * 2)).mean
    np.testing.assert_allclose(encoder.encode(np.stack([dark] * 2)).mean, brighter, atol=1e-3)
    assert clip_embedding.temporal.shape == (1, clip_embedding.mean.size)


def _seconds_of_frames(video: bytes, last_s: int) -> Iterator[UInt8]:
    """Windows of 64 frames, one for every second, frames cut from the middle of the raw picture."""
    import av

    recent: list[UInt8] = []
    with av.open(BytesIO(video), "r") as container:
        for index, frame in enumerate(container.decode(video=0)):
            if index > last_s * 30 + FRAMES:
                return
            middle = cv2.resize(frame.to_ndarray(format="rgb24"), (520, 292))[18:274, 132:388]
            picture = cv2.resize(middle, (GRID_PX, GRID_PX), interpolation=cv2.INTER_AREA)
            recent = [*recent[1 - FRAMES :], picture.astype(np.uint8, copy=False)]
            if index >= FRAMES - 1 and (index - FRAMES + 1) % 30 == 0:
                yield np.stack(recent)


def test_finds_other_work_in_a_real_recording() -> None:
    """In a real first-person recording every window of the spliced-in work scores above every usual one."""
    if not WORKER.is_dir():
        pytest.skip(f"the recording {WORKER} is not on this machine")
    stem = "factory_001_worker_001_0001"
    truth = json.loads((WORKER / "truth.json").read_text())[stem][0]
    start_s, end_s = truth["t_start_s"], 90
    with tarfile.open(WORKER / "part000.tar") as shard:
        member = shard.extractfile(f"{stem}.mp4")
        assert member is not None
        video = member.read()
    encoder = GridEncoder()
    tokens = [encoder.encode(frames).temporal.astype(np.float32).ravel() for frames in _seconds_of_frames(video, end_s)]
    units = np.stack([token / np.linalg.norm(token) for token in tokens])
    reference = units[:30].mean(axis=0)
    scores = 1 - units @ reference
    assert scores[start_s + 1 : end_s].min() > 1.5 * scores[30 : start_s - 3].max()
