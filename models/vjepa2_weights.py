"""Loading the encoder of a V-JEPA 2 checkpoint; its predictor is neither built nor read."""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import VJEPA2Config
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2Encoder, VJEPA2PreTrainedModel
from transformers.utils import logging

from models.errors import ModelUnavailableError

_UNLOADABLE = (OSError, ValueError, TypeError, KeyError, RuntimeError, SafetensorError, StrictDataclassError)


class EncoderAlone(VJEPA2PreTrainedModel):  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    """What ``from_pretrained`` fills: a V-JEPA 2 without its predictor."""

    def __init__(self, config: VJEPA2Config) -> None:
        super().__init__(config)
        self.encoder = VJEPA2Encoder(config)
        self.post_init()  # type: ignore[no-untyped-call]  # as above


def load_encoder(folder: Path, dtype: torch.dtype, device: torch.device) -> VJEPA2Encoder:
    """The encoder of the model in ``folder``, ready to infer.

    Raises:
        ModelUnavailableError: the folder holds no whole V-JEPA 2.
        MemoryError: it does not fit into the device's memory.
    """
    try:
        with _silent_transformers():
            loaded: Any = EncoderAlone.from_pretrained(
                folder,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=dtype,
                attn_implementation="sdpa",
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
            model, report = loaded  # a pair, because of output_loading_info
            encoder: VJEPA2Encoder = model.encoder.to(device).eval()
    except torch.OutOfMemoryError as error:
        raise MemoryError(f"V-JEPA 2 does not fit into the device's memory: {error}") from error
    except _UNLOADABLE as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelUnavailableError(f"the model in {folder} cannot be loaded: {reason}") from error
    _refuse_random_weights(folder, [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])])
    return encoder


def _refuse_random_weights(folder: Path, not_loaded: list[str]) -> None:
    """transformers gives random numbers to weights that a checkpoint lacks, or has in another shape."""
    if not_loaded:
        raise ModelUnavailableError(
            f"the model in {folder} lacks {len(not_loaded)} weights of the shape in its config.json, "
            f"{min(not_loaded)} among them"
        )


@contextmanager
def _silent_transformers() -> Iterator[None]:
    """No progress bars and no loading reports on stderr: what matters in them is an error here."""
    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # transformers leaves it unannotated
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
