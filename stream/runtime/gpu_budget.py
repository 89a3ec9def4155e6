"""How a run's VRAM is shared out: from its options to each GPU process's share."""

from pathlib import Path

from models.annotators.qwen.vram import qwen_need
from models.encoders.spec import EncoderProfile
from models.encoders.table import WEIGHTLESS, profile_of
from models.memory.gpu import find_gpu
from models.memory.vram import (
    GIB,
    MARGIN_BYTES,
    Need,
    Share,
    decoder_need,
    limit_process,
    share_out,
)
from stream.config import Options
from stream.errors import NoRoomError


def needs(options: Options) -> dict[str, Need]:
    """What each process that uses the GPU takes; ``options`` have their models settled.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
    """
    found = {"ingest": decoder_need() if options.input.decoder == "nvdec" else None}
    found["encode"] = _encoder_need(options)
    found["annotate"] = _annotator_need(options)
    return {process: need for process, need in found.items() if need is not None}


def encoder_profile(options: Options) -> EncoderProfile | None:
    """What the run's encoder takes, gives and costs; None while its weights are not known.

    Raises:
        ModelUnavailableError: its configuration cannot be read.
    """
    return profile_of(
        options.encoder.name,
        options.encoder.model,
        frames=options.sampling.frames,
        onnx=options.encoder.onnx,
        provider=options.encoder.onnx_provider,
    )


def _encoder_need(options: Options) -> Need | None:
    if options.resolved.encoder_endpoint is not None:
        return None
    profile = encoder_profile(options)
    return None if profile is None else profile.vram


def _annotator_need(options: Options) -> Need | None:
    if options.annotator.name != "qwen" or options.annotator.model is None:
        return None
    return qwen_need(
        Path(options.annotator.model),
        options.annotator.frames,
        options.annotator.batch,
        options.annotator.quantization,
    )


def with_budget(options: Options) -> Options:
    """The options with a budget, their own, else what the card has free, less a margin; and with the batch it allows.

    It is settled once, before any process takes memory of the card: they all share out the same. Without a GPU there
    is no budget.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: the models do not fit into it.
    """
    card = find_gpu() if needs(options) else None
    if card is None:
        return _with_batch(options.replace({"machine.vram_budget_gib": None}), 1)
    if options.machine.vram_budget_gib is None:
        free_gib = max(card.free_bytes - MARGIN_BYTES, 0) / GIB
        options = options.replace({"machine.vram_budget_gib": round(free_gib, 3)})
    encode = shares(options).get("encode")
    return _with_batch(options, encode.batch if encode else 1)


def _with_batch(options: Options, batch: int) -> Options:
    return options.replace({"encoder.batch": options.encoder.batch or batch})


def shares(options: Options) -> dict[str, Share]:
    """Each GPU process's share of the budget; none where there is no budget.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: the models do not fit into it.
    """
    if options.machine.vram_budget_gib is None:
        return {}
    try:
        return share_out(round(options.machine.vram_budget_gib * GIB), needs(options))
    except MemoryError as error:
        raise NoRoomError(str(error)) from error


def limited(options: Options, process: str) -> int | None:
    """Keep this process, one of the run's, to its share; what is left in it for an allocator, None without a budget.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: the models do not fit into the budget.
    """
    if (share := shares(options).get(process)) is None:
        return None
    if process != "encode" or options.encoder.onnx is None:  # which keeps to it by its own options, without torch
        limit_process(share.limit_bytes)
    return share.allocator_bytes


def limited_alone(options: Options, process: str) -> Options:
    """The options of a process that runs without its chain, and has the budget for itself; it is kept to that.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: its model does not fit into the budget.
    """
    alone = {"encoder.name": WEIGHTLESS, "encoder.model": None, "encoder.onnx": None, "input.decoder": "cpu"}
    options = with_budget(options.replace(alone))
    limited(options, process)
    return options
