"""A run's budget of VRAM: settled before it begins, from the card or from the user, and shown by the doctor."""

from pathlib import Path

import pytest

from models.annotators.qwen.memory import GPU_NUMBER_BYTES, weights_bytes
from models.annotators.qwen.vram import qwen_need
from models.memory import gpu
from models.memory.gpu import Gpu
from models.memory.vram import CONTEXT_BYTES, DECODER_BYTES, GIB
from stream.config import Options
from stream.doctor import machine
from stream.errors import ModelUnavailableError, NoRoomError
from stream.runtime import gpu_budget as vram
from stream.runtime.gpu_budget import allocator_bytes, limit_gpu, limit_gpu_alone, needs, shares, with_budget
from stream.runtime.processes import ANNOTATE, DETECT, ENCODE, INGEST
from tests.support.tiny_models import save_tiny_vjepa2
from tests.support.tiny_qwen import save_tiny_qwen

pytestmark = pytest.mark.slow  # it uses torch, whose import takes seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small V-JEPA 2."""
    return save_tiny_vjepa2(tmp_path_factory.mktemp("model"))


@pytest.fixture
def options(folder: Path) -> Options:
    """A run with it."""
    return Options(source="clip.mp4").replace({"encoder.name": "vjepa2", "encoder.model": str(folder)})


def card_with(monkeypatch: pytest.MonkeyPatch, free_gib: float) -> None:
    """A card of 24 GiB of which so much is free."""
    monkeypatch.setattr(vram, "find_gpu", lambda: Gpu("A card", 24 * GIB, round(free_gib * GIB)))


def test_budget_is_what_is_free_less_a_margin(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a wish the models get what the card has free, but for a GiB; all of it goes to the one process."""
    card_with(monkeypatch, 20.0)
    settled = with_budget(options)
    assert settled.machine.vram_budget_gib == 19.0
    assert shares(settled)["encode"].limit_bytes == pytest.approx(19 * GIB, abs=16)
    assert settled.encoder.batch == shares(settled)["encode"].batch == 4


def test_batch_is_one_without_a_gpu_unless_the_user_sets_it(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU takes one window at a time; a batch that is requested is kept."""
    monkeypatch.setattr(vram, "find_gpu", lambda: None)
    assert with_budget(options).encoder.batch == 1
    assert with_budget(options.replace({"encoder.batch": 3})).encoder.batch == 3
    card_with(monkeypatch, 20.0)
    assert with_budget(options.replace({"encoder.batch": 3})).encoder.batch == 3


def test_users_budget_is_used(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """An explicit budget counts, regardless of the free memory."""
    card_with(monkeypatch, 20.0)
    assert with_budget(options.replace({"machine.vram_budget_gib": 6.0})).machine.vram_budget_gib == 6.0


def test_full_gpu_is_a_no_room_error(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """A card that others have filled ends a run before it begins, with the numbers and the cure."""
    card_with(monkeypatch, 1.2)
    with pytest.raises(NoRoomError, match=r"budget of 0\.2 GiB is too small .* raise --vram-budget-gib"):
        with_budget(options)


def test_no_gpu_no_budget(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU, or without a model that would use one, nothing is shared out."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpu.find_gpu() is None
    assert with_budget(options.replace({"machine.vram_budget_gib": 6.0})).machine.vram_budget_gib is None
    card_with(monkeypatch, 20.0)
    grid = Options(source="clip.mp4").replace({"encoder.name": "grid"})
    assert shares(with_budget(grid)) == {}


def test_annotator_has_its_own_share(options: Options, tmp_path: Path) -> None:
    """With Qwen beside the encoder both have a share, and its KV cache is a part of what a segment takes."""
    qwen = save_tiny_qwen(tmp_path / "qwen", "qwen2_5_vl")
    need = qwen_need(qwen, 32, 4)
    assert 0 < need.cache_bytes < need.each_bytes
    assert qwen_need(qwen, 64, 4).each_bytes > need.each_bytes
    both = options.replace({"annotator.name": "qwen", "annotator.model": str(qwen), "machine.vram_budget_gib": 8.0})
    shares_bytes = shares(both)
    assert list(shares_bytes) == ["encode", "annotate"]
    assert sum(share.limit_bytes for share in shares_bytes.values()) <= 8 * GIB


def test_gpus_decoder_has_a_share(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoding on the GPU takes of its memory, too: it stands in the plan, and its process is kept to its share."""
    limits = list[int]()
    monkeypatch.setattr(vram, "limit_process", limits.append)
    both = options.replace({"input.decoder": "nvdec", "machine.vram_budget_gib": 6.0})
    shares_bytes = shares(both)
    assert list(shares_bytes) == ["ingest", "encode"]
    assert shares_bytes["ingest"].need.each_bytes == DECODER_BYTES
    limit_gpu(both, INGEST)
    assert allocator_bytes(both, INGEST) == shares_bytes["ingest"].limit_bytes - CONTEXT_BYTES
    assert limits == [shares_bytes["ingest"].limit_bytes]
    limit_gpu(both, DETECT)
    assert allocator_bytes(both, DETECT) is None
    limit_gpu(both, INGEST, DETECT, ENCODE)
    assert limits[1:] == [sum(share.limit_bytes for share in shares_bytes.values())]


def test_annotator_by_itself_has_the_whole_budget(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its chain the annotator is kept to all that is free, less the margin, or to the user's own budget."""
    limits = list[int]()
    monkeypatch.setattr(vram, "limit_process", limits.append)
    card_with(monkeypatch, 20.0)
    qwen = save_tiny_qwen(tmp_path / "qwen", "qwen2_5_vl")
    recorded = options.replace({"annotator.name": "qwen", "annotator.model": str(qwen), "input.decoder": "nvdec"})
    limit_gpu_alone(recorded, ANNOTATE)
    limit_gpu_alone(recorded.replace({"machine.vram_budget_gib": 6.0}), ANNOTATE)
    assert limits == [pytest.approx(19 * GIB, abs=16), 6 * GIB]


def test_unreadable_model_is_missing(options: Options, tmp_path: Path) -> None:
    """A model that cannot be read when the memory is shared out is a missing model, with its sentence and its code."""
    missing = options.replace({"encoder.model": str(tmp_path / "gone")})
    with pytest.raises(ModelUnavailableError, match=r"gone/config\.json cannot be read"):
        needs(missing)


def test_doctor_shows_the_plan(options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plan of a card that is here, of one that is only named, and what is said where there is neither."""
    monkeypatch.setattr(vram, "find_gpu", lambda: None)
    assert "no GPU; --vram-budget-gib 23" in machine.vram(options).message
    named = options.replace({"machine.vram_budget_gib": 23.0})
    assert "of 23.0 GiB, encode 23.0 GiB at most: CUDA 0.75, weights" in machine.vram(named).message
    qwen = save_tiny_qwen(tmp_path / "qwen", "qwen2_5_vl")
    both = named.replace({"annotator.name": "qwen", "annotator.model": str(qwen)})
    assert "KV cache" in machine.vram(both).message
    card_with(monkeypatch, 20.0)
    assert machine.vram(options).message.startswith("of 19.0 GiB")
    assert "no model of this run" in machine.vram(Options(source="").replace({"encoder.name": "grid"})).message


def test_four_bits_reach_the_plan(tmp_path: Path) -> None:
    """A budget that the model's weights do not fit into at 16 bits suffices at 4, by the loader's own figure."""
    folder = save_tiny_qwen(tmp_path, "qwen2_5_vl")
    plain = Options(source="clip.mp4").replace(
        {"encoder.name": "grid", "annotator.name": "qwen", "annotator.model": str(folder)}
    )
    four = plain.replace({"annotator.quantization": "4bit"})
    weights = {name: needs(each)["annotate"].weights_bytes for name, each in {"16": plain, "4": four}.items()}
    assert weights["4"] == weights_bytes(folder, GPU_NUMBER_BYTES["4bit"]) == pytest.approx(0.35 * weights["16"], abs=1)
    budget_gib = (needs(plain)["annotate"].least_bytes - weights["16"] // 2) / GIB
    assert shares(four.replace({"machine.vram_budget_gib": budget_gib}))["annotate"].batch >= 1
    with pytest.raises(NoRoomError, match="too small"):
        shares(plain.replace({"machine.vram_budget_gib": budget_gib}))
