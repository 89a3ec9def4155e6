"""Annotate a finished run later: its segments that were never described, and those that failed.

Nothing is decoded again: the segments are in the event log, and their keyframes in the keyframe cache. The command may
be stopped at any moment and called again.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from models.annotators.annotator import AnnotationAnswer, AnnotationFailure, AnnotationResponse
from models.annotators.table import ANNOTATORS, NO_ANNOTATOR
from stream.annotation.executor import AnnotationExecutor
from stream.annotation.factory import make
from stream.annotation.selection import may_be_reopened
from stream.config import Options, validate
from stream.errors import ModelUnavailableError, UsageError
from stream.pipeline.items import AnnotatorUnavailable, Item, WorkerReady
from stream.records.accounting import account
from stream.records.follower import Follower
from stream.records.schema import events
from stream.records.schema.health import now, read_health
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import AnnotatedLater, read_manifest, require_grouped_options
from stream.records.schema.options import by_path, merge, nest
from stream.records.store.event_log import EventLog, ResumableLog, finish_of, read_events
from stream.records.store.keyframes import KeyframeCache
from stream.records.store.run_lock import RunLock
from stream.records.store.versions import require_readable
from stream.run.prepare import with_annotator
from stream.runtime.gpu_budget import limit_gpu_alone
from stream.runtime.processes import ANNOTATE
from stream.stages.annotate import Annotate
from stream.ui.notes import Note
from stream.ui.view import View
from stream.video.sampling import Sampling


def annotate_run(layout: RunLayout, changes: Mapping[str, Any], view: View) -> int:
    """Describe the remaining segments of a finished run, with the run's own options except for ``changes``.

    Returns:
        The documented exit code.

    Raises:
        UsageError: there is no finished run, another version made it, or the options make no sense.
        ModelUnavailableError: the annotator's packages, weights or server are missing.
    """
    _require_finished(layout)
    claim = RunLock(layout)
    try:
        options = _options(layout, changes)
        return _annotate(layout, with_annotator(options), view)
    finally:
        view.close()
        claim.release()


def inherited_options(layout: RunLayout, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a finished run, nested, that count where ``changes`` name no other.

    Raises:
        UsageError: as ``annotate_run``.
    """
    _require_finished(layout)
    manifest = read_manifest(layout.manifest)
    require_grouped_options(manifest, layout.root, "or run its clip again with another --out")
    recorded = manifest.options
    before = recorded["annotator"]
    if before["name"] not in (NO_ANNOTATOR, by_path(changes, "annotator.name") or before["name"]):
        own_options = {name for spec in ANNOTATORS.values() for name in spec.own_options}
        before = {name: value for name, value in before.items() if name not in own_options}
    of_this_call = nest({"machine.vram_budget_gib": None, "runtime.offline": False})
    return merge({**recorded, "annotator": before}, of_this_call)


def _require_finished(layout: RunLayout) -> None:
    require_readable(layout)
    if finish_of(layout.events) is None:
        raise UsageError(f"{layout.root} holds no finished run: run its clip to the end first")
    if not layout.manifest.exists():
        raise UsageError(f"{layout.manifest} is missing, and holds the run's options: run its clip again")


def _options(layout: RunLayout, changes: Mapping[str, Any]) -> Options:
    options = validate(merge(inherited_options(layout, changes), changes))
    if not options.annotator.enabled:
        raise UsageError(f"{layout.root} was run without an annotator: name one with --annotator")
    return options


def _annotate(layout: RunLayout, options: Options, view: View) -> int:
    try:
        with ResumableLog(layout.events, partial(may_be_reopened, options=options)) as log:
            if log.reopened:
                _describe(layout, log, options, view)
            else:
                view.note(Note(f"nothing to do: no segment of {layout.root} is left to be described"))
    finally:
        finish = _update_accounting(layout)
    view.event(finish)
    return finish.exit_code


def _describe(layout: RunLayout, log: ResumableLog, options: Options, view: View) -> None:
    """Do the work of the chain's last two processes in one: each request is answered at once."""
    annotator = make(limit_gpu_alone(options, ANNOTATE))
    follower = Follower(layout.events, since=log.count)
    executor = AnnotationExecutor(
        layout, log, KeyframeCache(layout.keyframes, options.keyframes.cache_mib * 2**20), options
    )
    executor.handle(WorkerReady(ANNOTATE.name))
    try:
        for response in _responses(executor, Annotate(annotator, layout.keyframes, options)):
            executor.handle(response)
            for event, _ in follower.poll():
                view.event(event)
    finally:
        executor.close()
        follower.close()
        facts = {**annotator.facts(), **executor.facts()["annotator"]}
        manifest = read_manifest(layout.manifest)
        manifest.annotated_later.append(AnnotatedLater(time=now().isoformat(timespec="milliseconds"), annotator=facts))
        manifest.write(layout.manifest)


def _responses(executor: AnnotationExecutor, annotate: Annotate) -> Iterator[AnnotationResponse]:
    """All responses; the caller handles each before the next requests are made.

    Raises:
        ModelUnavailableError: the annotator can answer no request; the remaining segments are left for another call.
    """
    while tasks := list(executor.messages()):
        for task in tasks:
            yield from _only_responses(annotate.on_item(task))
        yield from _only_responses(annotate.on_end())


def _only_responses(items: Iterator[Item]) -> Iterator[AnnotationResponse]:
    for item in items:
        if isinstance(item, AnnotatorUnavailable):
            raise ModelUnavailableError(item.reason)
        if isinstance(item, AnnotationAnswer | AnnotationFailure):
            yield item


def _update_health(layout: RunLayout, finish: events.RunFinished) -> None:
    """Write the exit code of the record to ``health.json``, if that is there and valid."""
    try:
        health = read_health(layout.health)
    except (FileNotFoundError, ValueError):
        return
    health.model_copy(update={"exit_code": finish.exit_code, "time": now().isoformat()}).write(layout.health)


def _update_accounting(layout: RunLayout) -> events.RunFinished:
    """The last ``run.finished`` event, written again if something has changed since."""
    recorded = list(read_events(layout.events))
    finish = [event for event in recorded if isinstance(event, events.RunFinished)][-1]
    if recorded[-1] == finish:
        return finish
    accounting = account(recorded)
    manifest = read_manifest(layout.manifest)
    sampling = Sampling.parse(by_path(manifest.options, "window.preset"))
    lacks_windows = sampling.lacks_windows(finish.windows, finish.decoded_s)
    code = accounting.exit_code(finish.packets_lost, lacks_windows=lacks_windows)
    with EventLog(layout.events) as log:
        log.append(again := replace(finish, **accounting.seconds, annotation=accounting.annotation, exit_code=code))
    manifest.exit_code = again.exit_code
    manifest.write(layout.manifest)
    _update_health(layout, again)
    return again
