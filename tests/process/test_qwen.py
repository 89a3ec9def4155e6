"""Qwen2.5-VL and Qwen3-VL as annotators: small random checkpoints, loaded and asked as the real ones are."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationRequest, RequestFrame
from models.annotators.prompt import Prompt
from models.annotators.qwen.annotator import QwenAnnotator, QwenSettings
from models.annotators.response.parse import parse_answer
from models.annotators.response.schema import schema_sha256
from models.annotators.spec import AnnotatorChoice
from models.annotators.table import choose_annotator, make_annotator
from models.errors import ModelUnavailableError
from models.weights.weights import weights_sha256
from tests.support.tiny_qwen import FAMILIES, Family, noise_segment, noise_segments, save_tiny_qwen

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Family, Path]:
    """A checkpoint of each family."""
    return {family: save_tiny_qwen(tmp_path_factory.mktemp("models") / family, family) for family in FAMILIES}


@pytest.fixture(scope="module")
def annotators(folders: dict[Family, Path]) -> dict[Family, QwenAnnotator]:
    """An annotator of each family."""
    return {family: QwenAnnotator(folder) for family, folder in folders.items()}


@pytest.fixture
def folder(folders: dict[Family, Path], tmp_path: Path) -> Path:
    """A copy of a checkpoint that a test may damage."""
    return shutil.copytree(folders["qwen2_5_vl"], tmp_path / "model")


@pytest.fixture
def annotator(folders: dict[Family, Path]) -> QwenAnnotator:
    """An annotator of its own, which a test may change."""
    return QwenAnnotator(folders["qwen2_5_vl"])


def answers(annotator: QwenAnnotator, requests: list[AnnotationRequest]) -> list[AnnotationAnswer]:
    """What it says, none of it a failure."""
    outcomes = list(annotator.annotate(requests))
    assert all(isinstance(outcome, AnnotationAnswer) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, AnnotationAnswer)]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_segment_is_answered(annotators: dict[Family, QwenAnnotator], family: Family) -> None:
    """Each answer names its segment, parses, and says what it cost."""
    requests = [*noise_segments(2, frames=5), noise_segment([0.5], seed=2), noise_segment([0.0, 4.0], seed=3)]
    responses = answers(annotators[family], requests)
    assert [(a.segment_id, a.frames_digest) for a in responses] == [(r.segment_id, r.frames_digest) for r in requests]
    assert all(
        parse_answer(answer.raw, request, answer.box_space).actions
        for answer, request in zip(responses, requests, strict=True)
    )
    assert [answer.frames for answer in responses] == [5, 5, 1, 2]
    assert min(answer.tokens_out for answer in responses) > 10
    assert responses[0].tokens_in > responses[2].tokens_in
    assert min(answer.seconds for answer in responses) > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_batched_clips_report_the_errors_of_single_ones(
    annotators: dict[Family, QwenAnnotator], family: Family
) -> None:
    """Company changes nothing: beside segments of other lengths, rates and sizes each answer is as it is alone."""
    requests = [
        noise_segment([0.0, 1.0, 2.0, 3.0, 4.0], seed=0),
        noise_segment([0.0, 0.25], seed=1),
        noise_segment([0.0, 2.0, 4.0], seed=2, width_px=120, height_px=90),
    ]
    together = answers(annotators[family], requests)
    alone = [answers(annotators[family], [request])[0] for request in requests]
    assert [(a.raw, a.tokens_in, a.tokens_out) for a in together] == [(a.raw, a.tokens_in, a.tokens_out) for a in alone]
    assert len({answer.raw[40:] for answer in together}) > 1, "what is seen makes no difference: the test says nothing"


def test_boxes_lie_in_the_grid_that_the_family_knows(annotators: dict[Family, QwenAnnotator]) -> None:
    """Qwen2.5-VL names pixels of the picture it sees, Qwen3-VL thousandths: the answer says which."""
    request = [noise_segment([0.0, 1.0], width_px=456, height_px=256)]
    spaces = {family: json.loads(answers(one, request)[0].raw)["box_space"] for family, one in annotators.items()}
    assert spaces == {"qwen2_5_vl": [448, 252], "qwen3_vl": [1000, 1000]}


def test_frames_are_capped(folders: dict[Family, Path]) -> None:
    """No more frames are shown than the settings allow, and no more pixels; the facts say both."""
    annotator = QwenAnnotator(folders["qwen2_5_vl"], QwenSettings(frames_max=4, pixels_max=28 * 28))
    (answer,) = answers(annotator, noise_segments(1, frames=9, width_px=120, height_px=90))
    assert answer.frames == 4
    assert json.loads(answer.raw)["box_space"] == [28, 28]
    assert annotator.facts()["frames_max"] == 4
    assert annotator.facts()["pixels_max"] == 28 * 28


def test_facts_say_how_to_ask_again(folders: dict[Family, Path]) -> None:
    """Model, weights, prompt and schema are named by their hashes."""
    folder = folders["qwen3_vl"]
    annotator = QwenAnnotator(folder, QwenSettings(task="assemble a pump"))
    facts = annotator.facts()
    assert facts["model"] == "qwen3_vl"
    assert facts["weights_sha256"] == weights_sha256(folder)
    assert facts["prompt_sha256"] == Prompt().sha256
    assert facts["schema_sha256"] == schema_sha256()
    assert (facts["dtype"], facts["device"], facts["temperature"]) == ("float32", "cpu", 0.0)
    assert facts["memory_halvings"] == 0


def test_task_and_hint_reach_the_model(annotators: dict[Family, QwenAnnotator], folders: dict[Family, Path]) -> None:
    """A task or a hint makes the prompt longer, as the model counts it."""
    (request,) = noise_segments(1)
    (plain,) = answers(annotators["qwen2_5_vl"], [request])
    (hinted,) = answers(annotators["qwen2_5_vl"], [replace(request, hint="unusual; repeats every 7.2 s")])
    (tasked,) = answers(QwenAnnotator(folders["qwen2_5_vl"], QwenSettings(task="assemble a pump")), [request])
    assert hinted.tokens_in > plain.tokens_in
    assert tasked.tokens_in > plain.tokens_in


def test_broken_frame_fails_its_segment_alone(annotator: QwenAnnotator) -> None:
    """A segment whose frame is not a picture fails with the reason, the others are answered."""
    first, second, third = noise_segments(3)
    broken = replace(second, frames=(*second.frames[:-1], RequestFrame(2.0, b"junk")))
    outcomes = {outcome.segment_id: outcome for outcome in annotator.annotate([first, broken, third])}
    failure = AnnotationFailure("s1", second.frames_digest, "the frame at 2.000 s of segment s1 is not a picture")
    assert outcomes["s1"] == failure
    assert isinstance(outcomes["s0"], AnnotationAnswer)
    assert isinstance(outcomes["s2"], AnnotationAnswer)


def memory_for(
    annotator: QwenAnnotator,
    *,
    rows: int,
    pairs: int,
    monkeypatch: pytest.MonkeyPatch,
    words: str = "CUDA out of memory. Tried to allocate 2.00 GiB.",
) -> list[tuple[int, int]]:
    """Let the model run out of memory above so many rows of so many pairs of frames; collects what was tried."""
    import torch

    model, tried = annotator._qwen.model, list[tuple[int, int]]()
    generate: Callable[..., Any] = model.generate

    def limited(**inputs: Any) -> Any:  # noqa: ANN401
        batch = inputs["input_ids"].shape[0]
        longest = int(inputs["video_grid_thw"][:, 0].max())
        tried.append((batch, longest))
        if batch > rows or longest > pairs:
            raise torch.AcceleratorError(words) if "error" in words else torch.OutOfMemoryError(words)
        return generate(**inputs)

    monkeypatch.setattr(model, "generate", limited)
    return tried


@pytest.mark.parametrize("words", ["CUDA out of memory", "CUDA error: out of memory"])
def test_full_memory_halves_the_batch(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    """Where a batch does not fit, its halves are tried; every segment is answered from all its frames."""
    requests = noise_segments(4)
    expected = [answer.raw for answer in answers(annotator, requests)]
    tried = memory_for(annotator, rows=1, pairs=99, monkeypatch=monkeypatch, words=words)
    responses = answers(annotator, requests)
    assert [answer.raw for answer in responses] == expected
    assert [answer.frames for answer in responses] == [3, 3, 3, 3]
    assert tried == [(4, 2), (2, 2), (1, 2), (1, 2), (1, 2), (1, 2)]
    assert annotator.facts()["memory_halvings"] == 2


def test_full_memory_halves_the_frames_then(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that does not fit alone is shown with half its frames, and the answer says with how many."""
    tried = memory_for(annotator, rows=1, pairs=2, monkeypatch=monkeypatch)
    (answer,) = answers(annotator, noise_segments(1, frames=16))
    assert tried == [(1, 8), (1, 4), (1, 2)]
    assert answer.frames == 4
    assert annotator.facts()["memory_halvings"] == 2


def test_segment_too_large_for_the_memory_fails_alone(
    annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What does not fit with a single frame fails with the reason; the segments after it are described."""
    memory_for(annotator, rows=1, pairs=0, monkeypatch=monkeypatch)
    (outcome,) = annotator.annotate(noise_segments(1, frames=2))
    reason = "the GPU's memory is full: CUDA out of memory. Tried to allocate 2.00 GiB."
    assert outcome == AnnotationFailure("s0", noise_segment([0.0]).frames_digest, reason)
    monkeypatch.undo()
    assert len(answers(annotator, noise_segments(2))) == 2


def test_batches_follow_the_free_memory(annotator: QwenAnnotator, monkeypatch: pytest.MonkeyPatch) -> None:
    """With little memory free the segments go one by one, and each answer comes before the next is begun."""
    monkeypatch.setattr("models.annotators.qwen.annotator.free_bytes", lambda _device: 0)
    tried = memory_for(annotator, rows=99, pairs=99, monkeypatch=monkeypatch)
    outcomes: Iterator[object] = annotator.annotate(noise_segments(3))
    next(outcomes)
    assert tried == [(1, 2)]
    assert len(list(outcomes)) == 2
    assert tried == [(1, 2)] * 3


@pytest.mark.parametrize(
    ("damage", "responses"),
    [
        (lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json is missing"),
        (lambda folder: (folder / "chat_template.jinja").unlink(), "it has no chat template"),
        (lambda folder: (folder / "processor_config.json").unlink(), "cannot be loaded"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "llama"}'), "is of type 'llama', expected"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b""), "not a complete safetensors"),
    ],
)
def test_damaged_checkpoint_is_refused(folder: Path, damage: Callable[[Path], object], responses: str) -> None:
    """A folder that lacks a part, or holds another model, is an error that says what is wrong with it."""
    damage(folder)
    with pytest.raises(ModelUnavailableError, match=responses):
        QwenAnnotator(folder)


def test_missing_weights_are_refused(folder: Path) -> None:
    """A checkpoint that lacks a layer is an error, never completed with random numbers."""
    from safetensors.numpy import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    incomplete = {name: value for name, value in weights.items() if ".layers.1." not in name}
    save_file(incomplete, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelUnavailableError, match=r"lacks 12 weights .* among them"):
        QwenAnnotator(folder)


def test_no_room_for_the_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that cannot fit are not loaded: the error says how much they need and how much there is."""
    monkeypatch.setattr("models.annotators.qwen.loading.free_bytes", lambda _device: 1000)
    with pytest.raises(MemoryError, match=r"need 0\.0 GiB of cpu memory, 0\.0 GiB are free"):
        QwenAnnotator(folder)


def test_four_bits_say_what_they_need(folder: Path) -> None:
    """Without bitsandbytes the error names the package and the cure."""
    with pytest.raises(ModelUnavailableError, match="for weights of 4 bits the Python package"):
        choose_annotator(AnnotatorChoice("qwen", str(folder), quantization="4bit"))


def test_annotator_is_chosen_by_name(folder: Path) -> None:
    """The choice that goes to another process makes the annotator there, with its settings."""
    choice = choose_annotator(AnnotatorChoice("qwen", str(folder), task="assemble a pump", batch_max=3, frames_max=5))
    annotator = make_annotator(choice)
    assert choice.model == str(folder)
    assert annotator.facts()["model"] == "model"
    assert annotator.batch_max == 3
    assert annotator.facts()["frames_max"] == 5


def test_impossible_options_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown name, a task that is no words and weights that are nowhere are each an error before anything loads."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ValueError, match=r"there is no annotator 'none': expected one of .*qwen"):
        choose_annotator(AnnotatorChoice("none"))
    with pytest.raises(ValueError, match="expected one line"):
        choose_annotator(AnnotatorChoice("qwen", task="a\nb"))
    with pytest.raises(ModelUnavailableError, match="choose --annotator none, which describes nothing"):
        choose_annotator(AnnotatorChoice("qwen", "nobody/nothing"), allow_download=False)
