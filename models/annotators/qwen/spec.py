"""The row of ``qwen`` in the table of annotators."""

from pathlib import Path
from typing import Final

from models.annotators.annotator import Annotator
from models.annotators.context import CONTEXT_TOKENS, Context
from models.annotators.spec import AnnotatorChoice, AnnotatorSpec
from models.memory.vram import Need


def _load(choice: AnnotatorChoice, folder: Path | None) -> Annotator:
    from models.annotators.qwen.annotator import BATCH_MAX, QwenAnnotator, QwenSettings

    if folder is None:
        raise ValueError("the annotator qwen needs the folder of its weights")
    settings = QwenSettings(
        task=choice.task,
        prompt=choice.prompt,
        batch_max=choice.batch_max or BATCH_MAX,
        frames_max=choice.frames_max,
        quantization=choice.quantization,
        box_unit=choice.box_space,
    )
    return QwenAnnotator(folder, settings)


def _check(choice: AnnotatorChoice, folder: Path | None) -> None:
    from models.annotators.qwen.loading import check_checkpoint

    if folder is not None:
        check_checkpoint(folder, choice.quantization)


def _vram(choice: AnnotatorChoice, folder: Path) -> Need:
    from models.annotators.qwen.vram import qwen_need

    return qwen_need(folder, choice.frames_max, choice.batch_max, choice.quantization, choice.actions_max)


def _context(choice: AnnotatorChoice, folder: Path | None) -> Context:
    from models.annotators.qwen.vram import qwen_context

    return qwen_context(folder, choice.context_tokens) if folder else Context(choice.context_tokens or CONTEXT_TOKENS)


SPEC: Final = AnnotatorSpec(
    summary="runs on this machine",
    load=_load,
    check=_check,
    own_options=frozenset({"model", "quantization", "box_space"}),
    default_model="Qwen/Qwen2.5-VL-7B-Instruct@cc594898137f460bfe9f0759e9844b3ce807cfb5",
    packages=("torch", "transformers", "safetensors", "huggingface_hub", "torchvision", "llguidance"),
    extra="qwen",
    context=_context,
    vram=_vram,
)
