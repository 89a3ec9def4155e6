"""Loads models of transformers from a folder: only safetensors, no downloads, no remote code, no random weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from logging import ERROR
from pathlib import Path
from typing import Any

from models.errors import ModelUnavailableError


def load_pretrained(auto_class: Any, folder: Path, **settings: Any) -> Any:  # noqa: ANN401  (transformers is untyped here)
    """Load a complete model from ``folder`` with ``auto_class.from_pretrained``.

    Raises:
        ModelUnavailableError: it cannot be loaded, or lacks weights.
    """
    with unloadable_as_unavailable(folder), silent_transformers():
        model, report = auto_class.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
            **settings,
        )
    not_loaded = sorted([*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])])
    if not_loaded:
        # transformers would give random numbers to them.
        raise ModelUnavailableError(
            f"the model in {folder} lacks {len(not_loaded)} weights of the shape in its config.json, "
            f"{not_loaded[0]} among them"
        )
    return model


@contextmanager
def unloadable_as_unavailable(folder: Path) -> Iterator[None]:
    """The many ways in which a damaged folder shows become one error with one sentence."""
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, ValueError, TypeError, KeyError, AttributeError, SafetensorError, StrictDataclassError) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ModelUnavailableError(f"the model in {folder} cannot be loaded: {reason}") from error


@contextmanager
def silent_transformers() -> Iterator[None]:
    """No progress bars and no loading reports on stderr: what matters in them is an error here."""
    from transformers.utils import logging

    verbosity = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
