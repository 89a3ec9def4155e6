"""How a run's VRAM is shared out: from its options to each GPU process's share."""

from pathlib import Path

from models.gpu import find_gpu
from models.vram import GIB, MARGIN_BYTES, Need, Share, encoder_need, qwen_need, share_out
from stream.config import Options
from stream.errors import NoRoomError


def needs(options: Options) -> dict[str, Need]:
    """What each process that uses the GPU takes; ``options`` have their models settled.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
    """
    found: dict[str, Need] = {}
    if options.encoder == "vjepa2" and options.encoder_model is not None and options.encoder_endpoint is None:
        found["encode"] = encoder_need(Path(options.encoder_model), options.sampling.frames)
    if options.annotator == "qwen" and options.annotator_model is not None:
        found["annotate"] = qwen_need(
            Path(options.annotator_model),
            options.annotator_frames,
            options.annotator_batch,
            options.annotator_quantization,
        )
    return found


def with_budget(options: Options) -> Options:
    """The options with a budget, their own, else what the card has free, less a margin; and with the batch it allows.

    It is settled once, before any process takes memory of the card: they all share out the same. Without a GPU there
    is no budget.

    Raises:
        NoRoomError: the models do not fit into it.
    """
    card = find_gpu() if needs(options) else None
    if card is None:
        return _with_batch(options.model_copy(update={"vram_budget_gib": None}), 1)
    if options.vram_budget_gib is None:
        free_gib = max(card.free_bytes - MARGIN_BYTES, 0) / GIB
        options = options.model_copy(update={"vram_budget_gib": round(free_gib, 3)})
    encode = shares(options).get("encode")
    return _with_batch(options, encode.batch if encode and options.encoder_runtime == "torch" else 1)


def _with_batch(options: Options, batch: int) -> Options:
    return options.model_copy(update={"encoder_batch": options.encoder_batch or batch})


def shares(options: Options) -> dict[str, Share]:
    """Each GPU process's share of the budget; none where there is no budget.

    Raises:
        NoRoomError: the models do not fit into it.
    """
    if options.vram_budget_gib is None:
        return {}
    try:
        return share_out(round(options.vram_budget_gib * GIB), needs(options))
    except MemoryError as error:
        raise NoRoomError(str(error)) from error
