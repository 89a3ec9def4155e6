"""Several finished runs that are annotated one after the other, with a model that is loaded once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from stream.engines.batch import Outcome
from stream.records.counts import counts_of
from stream.records.reading import layout_of
from stream.records.run_annotations import default_events
from stream.records.schema.annotations import action_count
from stream.records.store.event_log import finish_of, read_events
from stream.run.annotate import annotate_run
from stream.run.chosen_annotation import Wish
from stream.run.loaded_annotator import LoadedAnnotator
from stream.ui.text import describe
from stream.ui.view import View


class AnnotateInTurn:
    """Annotates one run after another."""

    def __init__(
        self, changes: Mapping[str, Any], view: Callable[[str], View], wish: Wish, clips: Path | None = None
    ) -> None:
        """Set up.

        Args:
            changes: To the runs' options, nested.
            view: Makes a view of a run from its name.
            wish: Which annotation of each run is worked on.
            clips: A folder to search for clips.
        """
        self._changes = changes
        self._view = view
        self._wish = wish
        self._clips = clips
        self._loaded = LoadedAnnotator()

    def __call__(self, run: str) -> Outcome:
        """Annotate the run in a directory.

        Raises:
            EgocleanError: as ``annotate_run``.
        """
        layout = layout_of(Path(run))
        view = self._view(layout.root.name)
        code = annotate_run(layout, self._changes, view, self._loaded, wish=self._wish, clips=self._clips)
        default, finish = default_events(read_events(layout.events)), finish_of(layout.events)
        counts = counts_of(default, action_count(layout.annotations))
        return Outcome(run, code, (describe(finish) if finish else None) or "", counts.decoded_s, layout.root, counts)
