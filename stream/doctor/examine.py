"""Every check, in the order in which a run would meet what they look at."""

from collections.abc import Iterator
from functools import partial

from models.encoders.table import encoder_spec
from stream.config import Options
from stream.doctor import software
from stream.doctor.check import Check, check


def examine(options: Options, *, with_clip: bool) -> Iterator[Check]:
    """Look at everything; ``with_clip`` says whether ``options.source`` names one."""
    yield check("python", software.python)
    yield (installed := check("packages", software.packages))
    if installed.level != "FAIL":
        yield from _with_packages(options, with_clip=with_clip)


def _with_packages(options: Options, *, with_clip: bool) -> Iterator[Check]:
    from stream.doctor import clip, machine, vram  # they need the packages

    case = clip.Case(options)
    yield check("hevc", software.hevc)
    yield check("hardware decoders", software.hardware_decoders)
    read = (yield from clip.reading(case)) if with_clip else False
    yield (embeds := check("encoder", partial(clip.encoder, case)))
    yield (describes := check("annotator", partial(clip.annotator, case)))
    yield check("gpu", partial(software.gpu, has_weights=encoder_spec(options.encoder.name).has_weights))
    settled = embeds.level != "FAIL"
    if settled and describes.level != "FAIL":
        decoder = case.decoder.name if read else options.input.decoder
        yield check("vram", lambda: vram.plan(case.annotator.replace({"input.decoder": decoder})))
    if read and settled:
        yield check("size", partial(clip.room, case))
        yield check("speed", partial(clip.speed, case))
    yield check("out", partial(machine.out, options.output.folder))
    yield check("disk", lambda: machine.disk(options.output.folder, case.expected_bytes if read and settled else None))
    yield check("shared memory", machine.shared_memory)
    yield check("memory", lambda: machine.memory(case.weights_bytes if settled else 0))
    yield check("cores", machine.cores)
    yield check("sockets", machine.sockets)
