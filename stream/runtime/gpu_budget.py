"""Divides a run's GPU memory budget among its GPU processes."""

from models.encoders.table import WEIGHTLESS
from models.memory.gpu import find_gpu
from models.memory.vram import GIB, MARGIN_BYTES, Need, Share, limit_process, share_out
from stream.config import Options
from stream.errors import NoRoomError
from stream.runtime.process_spec import ProcessSpec
from stream.runtime.processes import ENCODE, processes


def needs(options: Options) -> dict[str, Need]:
    """The need of each GPU process, by name; ``options`` name the models' folders.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
    """
    all_needs = {spec.name: spec.gpu_need(options) for spec in processes(options)}
    return {name: need for name, need in all_needs.items() if need is not None}


def with_budget(options: Options) -> Options:
    """The options with a budget, by default the free memory minus a margin, and with the batch size that it allows.

    The budget is fixed before any process allocates GPU memory, so that all compute the same shares. Without a GPU
    there is no budget.

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
    encode = shares(options).get(ENCODE.name)
    return _with_batch(options, encode.batch if encode else 1)


def _with_batch(options: Options, batch: int) -> Options:
    return options.replace({"encoder.batch": options.encoder.batch or batch})


def shares(options: Options) -> dict[str, Share]:
    """Each GPU process's share of the budget, by name; empty if there is no budget.

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


def limit_gpu(options: Options, *specs: ProcessSpec) -> None:
    """Limit this process, which does the work of ``specs``, to their shares; without a budget do nothing.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: the models do not fit into the budget.
    """
    by_name = shares(options)
    limited = [spec for spec in specs if spec.name in by_name and spec.limits_allocator(options)]
    limits = [by_name[spec.name].limit_bytes for spec in limited]
    if limits:
        limit_process(sum(limits))


def allocator_bytes(options: Options, spec: ProcessSpec) -> int | None:
    """The part of a process's share that is left for its allocator; None without a budget.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: the models do not fit into the budget.
    """
    share = shares(options).get(spec.name)
    return None if share is None else share.allocator_bytes


def limit_gpu_alone(options: Options, spec: ProcessSpec) -> Options:
    """Limit a process that runs without its chain and has the whole budget; returns its options.

    Raises:
        ModelUnavailableError: a model's files cannot be read.
        NoRoomError: its model does not fit into the budget.
    """
    alone = {"encoder.name": WEIGHTLESS, "encoder.model": None, "encoder.onnx": None, "input.decoder": "cpu"}
    options = with_budget(options.replace(alone))
    limit_gpu(options, spec)
    return options
