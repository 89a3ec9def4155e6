"""All checks, in the order in which a run would depend on their results."""

from collections.abc import Generator, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from models.encoders.table import encoder_spec
from stream.config import Options
from stream.doctor import software
from stream.doctor.check import Check, Finding, check

if TYPE_CHECKING:
    from stream.doctor.plan import PlannedClips


def examine(options: Options, specs: Sequence[str] = ()) -> Iterator[Check]:
    """Perform all checks; ``specs`` name clips as ``run`` takes them, none: the machine alone is checked."""
    yield check("python", software.python)
    yield (installed := check("packages", software.packages))
    if installed.level != "FAIL":
        yield from _with_packages(options, specs)


def _with_packages(options: Options, specs: Sequence[str]) -> Iterator[Check]:
    from stream.doctor import clip, machine, plan  # these need the packages

    yield check("hevc", software.hevc)
    yield check("hardware decoders", software.hardware_decoders)
    clips = plan.PlannedClips(options, specs)
    is_series, source = (yield from _clips(clips)) if specs else (False, None)
    planned = clip.PlannedRun(options.model_copy(update={"source": source or options.source}))
    is_readable = (yield from clip.reading(planned)) if source else False
    yield (encoder := check("encoder", partial(clip.encoder, planned)))
    yield (annotator := check("annotator", partial(clip.annotator, planned)))
    has_encoder = encoder.level != "FAIL"
    has_weights = encoder_spec((planned.encoder if has_encoder else options).encoder.name).has_weights
    if has_encoder or software.has_torch():  # without torch, the encoder's check has said so
        yield check("gpu", partial(software.gpu, has_weights=has_weights))
    if has_encoder and annotator.level != "FAIL":
        decoder = planned.decoder.name if is_readable else options.input.decoder
        yield check("vram", lambda: machine.vram(planned.annotator.replace({"input.decoder": decoder})))
    needed_bytes: int | None = None
    if is_readable and has_encoder:
        needed_bytes = planned.expected_bytes
        yield check("size", partial(clip.room, planned))
        yield (speed := check("speed", partial(clip.speed, planned)))
        if is_series and speed.level != "FAIL":
            estimate = clips.estimate(planned)
            needed_bytes = estimate.disk_bytes
            yield check("plan", partial(plan.series, estimate, options.machine.price_per_hour, options.clips.jobs))
    yield check("out", partial(machine.out, options.output.folder))
    yield check("disk", partial(machine.disk, options.output.folder, needed_bytes))
    yield check("shared memory", machine.shared_memory)
    yield check("memory", lambda: machine.memory(planned.weights_bytes if has_encoder else 0))
    yield check("cores", machine.cores)
    yield check("sockets", machine.sockets)


def _clips(clips: "PlannedClips") -> Generator[Check, None, tuple[bool, str | None]]:
    """The checks of several clips; returns whether there are several, and the one that is to be tried, if any."""
    from stream.doctor import plan

    listed = check("clips", lambda: Finding(str(len(clips.listing.clips))))
    if listed.level == "FAIL":
        yield listed
        return True, None
    if clips.is_single and clips.listing.clips[0].fault is None:
        return False, clips.listing.clips[0].spec
    if clips.is_single:
        yield check("source", partial(plan.clip, clips.listing.clips[0]))
        return False, None
    yield check("clips", partial(plan.clips, clips))
    yield from plan.unreadable(clips)
    return True, clips.first
