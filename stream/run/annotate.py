"""Annotate a finished run later: what was never described, what failed, or all of it again beside what is there.

The segments are in the event log, and their keyframes in the keyframe cache; those that have left it are made again
from the clip. The command may be stopped at any moment and called again.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.annotators.table import ANNOTATORS, NO_ANNOTATOR
from stream.config import Options, validate
from stream.errors import UsageError
from stream.records.folders import refuse_folder
from stream.records.schema.layout import RunLayout
from stream.records.schema.manifest import read_manifest, require_grouped_options
from stream.records.schema.options import by_path, merge, nest
from stream.records.store.event_log import finish_of, read_events
from stream.records.store.run_lock import RunLock
from stream.records.store.versions import require_readable
from stream.run.annotation_work import Call
from stream.run.chosen_annotation import Wish, inherited_from, target_of
from stream.run.describe_clip import ClipWork
from stream.run.describe_segments import SegmentWork
from stream.run.loaded_annotator import LoadedAnnotator
from stream.run.prepare import with_annotator
from stream.sources.run_clip import ClipFinder
from stream.ui.view import View


def annotate_run(
    layout: RunLayout,
    changes: Mapping[str, Any],
    view: View,
    loaded: LoadedAnnotator | None = None,
    *,
    wish: Wish | None = None,
    clips: Path | None = None,
) -> int:
    """Describe segments of a finished run, with the options of its annotation except for ``changes``.

    Args:
        layout: Of the run.
        changes: Options, nested.
        view: Shows what is done.
        loaded: Holds the annotator that was loaded for earlier runs, and this run's for later ones.
        wish: Which annotation is worked on; None: the remaining segments of the default one.
        clips: A folder to search for the run's clip, if keyframes have left the cache.

    Returns:
        The documented exit code.

    Raises:
        UsageError: there is no finished run, another version made it, or the options make no sense.
        InputError: there is no such annotation, or all keyframes are gone and the clip is not there.
        ModelUnavailableError: the annotator's packages, weights or server are missing.
    """
    _require_finished(layout)
    wish = wish or Wish()
    claim = RunLock(layout)
    try:
        options = with_annotator(_options(layout, changes, wish))
        target = target_of(list(read_events(layout.events)), layout, _recorded(layout), options, wish)
        once_more = "another --annotation NAME" if wish.begins else "--again"
        call = Call(layout, target, options, view, loaded or LoadedAnnotator(), ClipFinder(clips), once_more)
        return (ClipWork(call) if target.unit == "clip" else SegmentWork(call)).run()
    finally:
        view.close()
        claim.release()


def inherited_options(layout: RunLayout, changes: Mapping[str, Any], wish: Wish | None = None) -> dict[str, Any]:
    """The options of a finished run, nested, that count where ``changes`` name no other.

    Those of the annotator are the ones of the annotation that is continued; for one that begins, of the default one.

    Raises:
        UsageError: as ``annotate_run``.
        InputError: there is no annotation of the name.
    """
    _require_finished(layout)
    recorded = _recorded(layout)
    before = inherited_from(list(read_events(layout.events)), layout, recorded, wish or Wish())
    if before["name"] not in (NO_ANNOTATOR, by_path(changes, "annotator.name") or before["name"]):
        own_options = {name for spec in ANNOTATORS.values() for name in spec.own_options}
        before = {name: value for name, value in before.items() if name not in own_options}
    of_this_call = nest({"machine.vram_budget_gib": None, "runtime.offline": False})
    return merge({**recorded, "annotator": before}, of_this_call)


def _require_finished(layout: RunLayout) -> None:
    require_readable(layout)
    if finish_of(layout.events) is None:
        refuse_folder(layout.root)
        raise UsageError(f"{layout.root} holds no finished run: run its clip to the end first")
    if not layout.manifest.exists():
        raise UsageError(f"{layout.manifest} is missing, and holds the run's options: run its clip again")


def _recorded(layout: RunLayout) -> dict[str, Any]:
    """The options of the run, nested; those of the annotator are the ones with which it was described last."""
    manifest = read_manifest(layout.manifest)
    require_grouped_options(manifest, layout.root, "or run its clip again with another --out")
    of_first = [each.options for each in manifest.annotated_later if each.options and not each.annotation_name]
    return {**manifest.options, "annotator": [manifest.options["annotator"], *of_first][-1]}


def _options(layout: RunLayout, changes: Mapping[str, Any], wish: Wish) -> Options:
    options = validate(merge(inherited_options(layout, changes, wish), changes))
    if not options.annotator.enabled:
        raise UsageError(f"{layout.root} was run without an annotator: name one with --annotator")
    return options
