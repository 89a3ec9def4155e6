"""All checks, in the order in which a run would depend on their results."""

from collections.abc import Iterator
from functools import partial

from models.encoders.table import encoder_spec
from stream.config import Options
from stream.doctor import software
from stream.doctor.check import Check, check


def examine(options: Options, *, with_clip: bool) -> Iterator[Check]:
    """Perform all checks; ``with_clip`` says whether ``options.source`` names a clip."""
    yield check("python", software.python)
    yield (installed := check("packages", software.packages))
    if installed.level != "FAIL":
        yield from _with_packages(options, with_clip=with_clip)


def _with_packages(options: Options, *, with_clip: bool) -> Iterator[Check]:
    from stream.doctor import clip, machine  # these need the packages

    planned = clip.PlannedRun(options)
    yield check("hevc", software.hevc)
    yield check("hardware decoders", software.hardware_decoders)
    is_readable = (yield from clip.reading(planned)) if with_clip else False
    yield (encoder := check("encoder", partial(clip.encoder, planned)))
    yield (annotator := check("annotator", partial(clip.annotator, planned)))
    yield check("gpu", partial(software.gpu, has_weights=encoder_spec(options.encoder.name).has_weights))
    has_encoder = encoder.level != "FAIL"
    if has_encoder and annotator.level != "FAIL":
        decoder = planned.decoder.name if is_readable else options.input.decoder
        yield check("vram", lambda: machine.vram(planned.annotator.replace({"input.decoder": decoder})))
    if is_readable and has_encoder:
        yield check("size", partial(clip.room, planned))
        yield check("speed", partial(clip.speed, planned))
    yield check("out", partial(machine.out, options.output.folder))
    yield check(
        "disk",
        lambda: machine.disk(options.output.folder, planned.expected_bytes if is_readable and has_encoder else None),
    )
    yield check("shared memory", machine.shared_memory)
    yield check("memory", lambda: machine.memory(planned.weights_bytes if has_encoder else 0))
    yield check("cores", machine.cores)
    yield check("sockets", machine.sockets)
