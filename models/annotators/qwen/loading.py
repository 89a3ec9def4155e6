"""Loads a Qwen-VL model and its processor from a folder, in the form that suits the device.

On CUDA: bfloat16 if the GPU has it, else float16; flash attention 2 if it is installed; 4 bits a weight on request.
On the CPU: float32. The CUDA part has not been run on a GPU yet.
"""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from models.annotators.qwen.memory import GPU_NUMBER_BYTES, Quantization, weights_bytes
from models.annotators.qwen.positions import put_words_after_videos
from models.annotators.qwen.spec import SPEC
from models.errors import ModelUnavailableError
from models.memory.oom import full_memory_as_memory_error
from models.packages import how_to_install, make_torchvision_importable, named, require_packages
from models.weights.loading import load_pretrained, silent_transformers, unloadable_as_unavailable
from models.weights.weights import read_json

if TYPE_CHECKING:
    import torch

KINDS: Final = ("qwen2_5_vl", "qwen3_vl")
_TOKENIZERS: Final = ("tokenizer.json", "vocab.json")


@dataclass(frozen=True, slots=True)
class LoadedQwen:
    """A loaded model and its processor."""

    kind: str
    """The configuration's ``model_type``, one of ``KINDS``."""
    model: Any
    processor: Any
    device: "torch.device"
    dtype: "torch.dtype"
    attention: str


def check_checkpoint(folder: Path, quantization: Quantization = "none") -> str:
    """The kind of Qwen-VL in ``folder``, before anything heavy is imported.

    Raises:
        ModelUnavailableError: a package is missing, or the folder holds another kind of model, or no tokenizer.
    """
    require_packages(SPEC.packages, extra=SPEC.extra)
    missing = [name for name in ("bitsandbytes", "accelerate") if quantization == "4bit" and find_spec(name) is None]
    if missing:
        raise ModelUnavailableError(
            f"for weights of 4 bits {named(missing)} not installed: {how_to_install(' '.join(missing))}, "
            "or leave the weights as they are"
        )
    kind = read_json(folder / "config.json").get("model_type")
    if kind not in KINDS:
        raise ModelUnavailableError(f"the model in {folder} is of type {kind!r}, expected one of {', '.join(KINDS)}")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise ModelUnavailableError(f"the model folder {folder} is incomplete: tokenizer.json is missing")
    return str(kind)


def load_qwen(folder: Path, quantization: Quantization) -> LoadedQwen:
    """Load the model in ``folder``; nothing is fetched.

    Raises:
        ModelUnavailableError: a package is missing, or the folder holds no complete Qwen-VL.
        MemoryError: it does not fit into the device's memory.
    """
    kind = check_checkpoint(folder, quantization)
    make_torchvision_importable()

    import torch
    from transformers import AutoModelForImageTextToText

    cuda = torch.cuda.is_available()
    device = torch.device("cuda" if cuda else "cpu")
    dtype = _dtype(device)
    attention = _attention(device)
    _check_room(folder, GPU_NUMBER_BYTES[quantization] if cuda else dtype.itemsize, device)
    settings: dict[str, Any] = {"dtype": dtype, "attn_implementation": attention}
    if quantization == "4bit":
        settings |= _four_bits(folder, device, dtype)
    with full_memory_as_memory_error():
        model = load_pretrained(AutoModelForImageTextToText, folder, **settings).eval()
        if quantization == "none":
            model = model.to(device)
    put_words_after_videos(model)
    return LoadedQwen(kind, model, _processor(folder), device, dtype, attention)


def free_bytes(device: "torch.device") -> int:
    """Memory available to a batch: free memory that this process may take, and memory reserved by torch but unused."""
    import psutil
    import torch

    if device.type == "cpu":
        return int(psutil.virtual_memory().available)
    unused, total = torch.cuda.mem_get_info(device)
    reserved = torch.cuda.memory_reserved(device)
    allowed = int(total * torch.cuda.get_per_process_memory_fraction(device)) - reserved
    return int(min(unused, allowed) + reserved - torch.cuda.memory_allocated(device))


def _dtype(device: "torch.device") -> "torch.dtype":
    import torch

    if device.type == "cpu":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16


def _attention(device: "torch.device") -> str:
    from transformers.utils.import_utils import is_flash_attn_2_available

    return "flash_attention_2" if device.type == "cuda" and is_flash_attn_2_available() else "sdpa"


def _check_room(folder: Path, number_bytes: float, device: "torch.device") -> None:
    needed, free = weights_bytes(folder, number_bytes), free_bytes(device)
    if needed > free:
        raise MemoryError(
            f"the weights in {folder} need {needed / 2**30:.1f} GiB of {device.type} memory, "
            f"{free / 2**30:.1f} GiB are free"
        )


def _four_bits(folder: Path, device: "torch.device", dtype: "torch.dtype") -> dict[str, Any]:
    import transformers

    if device.type == "cpu":
        raise ModelUnavailableError(f"the model in {folder} cannot have 4 bits a weight here: that needs a CUDA GPU")
    config: Any = transformers.BitsAndBytesConfig  # its constructor is untyped
    nf4 = config(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)
    return {"quantization_config": nf4, "device_map": {"": device}}


def _processor(folder: Path) -> Any:  # noqa: ANN401  (transformers types its processors loosely)
    import transformers

    auto: Any = transformers.AutoProcessor  # its constructor is untyped
    with unloadable_as_unavailable(folder), silent_transformers():
        processor = auto.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if not processor.chat_template:
            raise ModelUnavailableError(f"the model folder {folder} is incomplete: it has no chat template")
        return processor
