"""The work on one annotation of a finished run: what describing segments and describing a whole clip have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from models.annotators.annotator import Annotator
from stream.config import Options
from stream.pipeline.facts import SegmentClosed
from stream.records.accounting import Account, account
from stream.records.run_annotations import annotations_in, events_of
from stream.records.schema.annotations import write_annotations
from stream.records.schema.events import Outcome, RunFinished
from stream.records.schema.health import now, read_health
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import AnnotatedLater, read_manifest
from stream.records.schema.options import by_path
from stream.records.store.atomic import replace_file, sync_dir
from stream.records.store.event_log import EventLog, ResumableLog, read_events
from stream.records.store.keyframes import KeyframeCache
from stream.run.chosen_annotation import Target
from stream.run.loaded_annotator import LoadedAnnotator
from stream.run.source_keyframes import SourceKeyframes
from stream.runtime.loaded_models import FactsOfRun
from stream.sources.run_clip import ClipFinder
from stream.ui.notes import Note
from stream.ui.view import View
from stream.video.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Call:
    """What one call of ``annotate`` works with."""

    layout: RunLayout
    target: Target
    options: Options
    view: View
    loaded: LoadedAnnotator
    finder: ClipFinder
    once_more: str = "--again"
    """The option with which all segments are described once more."""


@dataclass(frozen=True, slots=True)
class LoadedWork:
    """The annotator and the keyframes, once something is to be described."""

    annotator: Annotator
    cache: KeyframeCache
    keyframes: SourceKeyframes
    facts: FactsOfRun


class AnnotationWork(ABC):
    """Describes what is open in an annotation, and closes its accounting."""

    def __init__(self, call: Call) -> None:
        self._layout = call.layout
        self._target = call.target
        self._options = call.options
        self._view = call.view
        self._call = call

    @abstractmethod
    def _reopens(self, outcome: Outcome, outcomes: Mapping[str, Outcome]) -> bool:
        """Whether a segment with this outcome may get another one, given those of all segments."""

    @abstractmethod
    def _describe(self, log: ResumableLog, closed: Sequence[SegmentClosed]) -> bool:
        """Describe what is open; returns whether anything was."""

    def run(self) -> int:
        """Do the work; returns the exit code."""
        try:
            with ResumableLog(self._layout.events, self._reopens, self._target.recorded_name) as log:
                closed = [event for event in read_events(self._layout.events) if isinstance(event, SegmentClosed)]
                if not self._describe(log, closed):
                    left = f"nothing to do: no segment of {self._layout.root} is left to be described"
                    self._view.note(Note(f"{left}; {self._call.once_more} describes them once more"))
        finally:
            finish, exit_code = _update_accounting(self._layout, self._target)
        if finish.annotation_name != self._target.recorded_name:
            self._view.note(Note(self._why_not_default(), level="warning"))
        self._view.event(finish)
        return exit_code

    def _why_not_default(self) -> str:
        found = annotations_in(list(read_events(self._layout.events)))
        own = next(each.name for each in found if each.recorded_name == self._target.recorded_name)
        default = next((each.name for each in found if each.is_default), "none")
        return f"annotation {own} describes no segment, and {default} stays the default"

    def _load(self, needed: Sequence[SegmentClosed]) -> LoadedWork:
        """Load the annotator for the segments whose keyframes are needed.

        Raises:
            InputError: all keyframes are gone, and the clip is not there.
            ModelUnavailableError: the annotator's packages or weights are missing.
        """
        cache = self._cache()
        keyframes = SourceKeyframes(read_manifest(self._layout.manifest), self._options, cache, self._call.finder)
        shown = [segment for segment in needed if segment.keyframes]
        if shown and all(map(keyframes.lacks, shown)):
            keyframes.require_clip()
        annotator = self._call.loaded.get(self._options)
        return LoadedWork(annotator, cache, keyframes, FactsOfRun(annotator.facts))

    def _cache(self) -> KeyframeCache:
        return KeyframeCache(self._layout.keyframes, self._options.keyframes.cache_mib * 2**20)

    def _begin(self, log: ResumableLog) -> None:
        """Begin a new annotation. The actions of the first one, while it is the only one, get a file of their own."""
        if self._target.begins_with is None:
            return
        self._layout.annotation_folder.mkdir(exist_ok=True)
        sync_dir(self._layout.root)
        for each in annotations_in(list(read_events(self._layout.events))):
            first = replace(self._layout, annotation_name=each.name)
            if not (each.recorded_name or first.annotations.exists()):
                replace_file(first.annotations, self._layout.annotations.read_bytes())
        write_annotations(self._target.layout.annotations, [])
        self._view.event(log.append(self._target.begins_with))

    def _record_facts(self, work: LoadedWork, more: Mapping[str, Any]) -> None:
        """Add what the model was, and what it took, to ``run.json``."""
        facts = {**work.facts(), **more, "load_s": self._call.loaded.take_load_s()}
        at = now().isoformat(timespec="milliseconds")
        manifest = read_manifest(self._layout.manifest)
        options = self._options.annotator.model_dump(mode="json")
        name = self._target.recorded_name
        later = AnnotatedLater(time=at, annotator=facts, annotation_name=name, options=options)
        manifest.annotated_later.append(later)
        manifest.write(self._layout.manifest)


def _update_health(layout: RunLayout, finish: RunFinished) -> None:
    """Write the exit code of the record to ``health.json``, if that is there and valid."""
    try:
        health = read_health(layout.health)
    except (FileNotFoundError, ValueError):
        return
    health.model_copy(update={"exit_code": finish.exit_code, "time": now().isoformat()}).write(layout.health)


def _update_accounting(layout: RunLayout, target: Target) -> tuple[RunFinished, int]:
    """The last ``run.finished`` event, written again if something has changed since, and the exit code of this work.

    The event names the annotation that was worked on if every segment has an outcome in it and, unless it is the
    default already, one is described: an annotation without words replaces none.
    """
    recorded = list(read_events(layout.events))
    last = [event for event in recorded if isinstance(event, RunFinished)][-1]
    is_default = last.annotation_name == target.recorded_name
    if recorded[-1] == last and is_default:
        return last, last.exit_code
    accounting = account(events_of(recorded, target.recorded_name))
    own = _finish_with(accounting, last, layout, target)
    is_new_default = not accounting.unsettled and (is_default or accounting.seconds["annotated_s"] > 0)
    finish = own if is_new_default else last
    if recorded[-1] != finish:
        _record_finish(layout, target, finish)
    return finish, own.exit_code


def _record_finish(layout: RunLayout, target: Target, finish: RunFinished) -> None:
    if finish.annotation_name == target.recorded_name and target.layout.annotations != layout.annotations:
        replace_file(layout.annotations, target.layout.annotations.read_bytes())
    with EventLog(layout.events) as log:
        log.append(finish)
    manifest = read_manifest(layout.manifest)
    manifest.exit_code = finish.exit_code
    manifest.write(layout.manifest)
    _update_health(layout, finish)


def _finish_with(accounting: Account, last: RunFinished, layout: RunLayout, target: Target) -> RunFinished:
    """The run's end with the accounting of an annotation."""
    manifest = read_manifest(layout.manifest)
    sampling = Sampling.parse(by_path(manifest.options, "window.preset"))
    lacks_windows = sampling.lacks_windows(last.windows, last.decoded_s)
    return replace(
        last,
        **accounting.seconds,
        annotation_name=target.recorded_name,
        annotation=accounting.annotation,
        exit_code=accounting.exit_code(last.packets_lost, lacks_windows=lacks_windows),
    )
