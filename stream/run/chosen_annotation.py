"""Which annotation of a finished run a call of ``annotate`` works on: one that is there, or one that it begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from models.annotators.table import NO_ANNOTATOR, name_of
from stream.config import Options
from stream.errors import UsageError
from stream.records.run_annotations import (
    RunAnnotation,
    annotations_in,
    chosen_in,
    default_in,
    free_name,
    is_name,
    layout_of_annotation,
    name_for,
)
from stream.records.schema.events import AnnotationStarted, Event
from stream.records.schema.layout import RunLayout
from stream.records.schema.options import by_path

Unit: TypeAlias = Literal["segment", "clip"]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which annotation the user wants to work on."""

    again: bool = False
    """Describe the segments in an annotation with these very options; if there is none, begin it."""
    whole_clip: bool = False
    """Describe the clip as a whole, in such an annotation; it implies ``again``."""
    name: str | None = None
    """None: the default annotation; with ``again``, one that is named after its model."""

    @property
    def begins(self) -> bool:
        """Whether an annotation is begun where there is none with these options."""
        return self.again or self.whole_clip

    def __post_init__(self) -> None:
        """Refuse a name that cannot be one.

        Raises:
            UsageError: it cannot be the name of a file.
        """
        if self.name is not None and not is_name(self.name):
            raise UsageError(
                f"--annotation {self.name}: must be 1 to 64 letters, digits, dots, hyphens or underscores, "
                "a letter or a digit first"
            )


@dataclass(frozen=True, slots=True)
class Target:
    """The annotation that is worked on."""

    recorded_name: str
    """``annotation_name`` of its events."""
    layout: RunLayout
    """With the files of this annotation."""
    begins_with: AnnotationStarted | None
    """The event that begins it; None if it has begun."""
    unit: Unit = "segment"
    """What a request describes."""


def target_of(
    log: Sequence[Event], layout: RunLayout, recorded: Mapping[str, Any], options: Options, wish: Wish
) -> Target:
    """The annotation to work on with these options.

    Args:
        log: of the run.
        layout: of the run.
        recorded: the options of the run, nested; the annotator's are those of the first annotation.
        options: those of this call; the annotator's model is settled.
        wish: what the user wants.

    Raises:
        InputError: there is no annotation of the name.
        UsageError: there is one, with other options.
    """
    if not wish.begins:
        return _existing(log, layout, chosen_in(log, wish.name, layout.root))
    unit: Unit = "clip" if wish.whole_clip else "segment"
    annotator = name_of(options.annotator.name, options.annotator.model)
    values: dict[str, Any] = options.annotator.model_dump(mode="json")
    wanted = _identity(annotator, values, unit)
    found = annotations_in(log)
    for each in found:
        differing = _differences(each, recorded, wanted)
        if wish.name == each.name and differing:
            changes = ", ".join(differing)
            raise UsageError(
                f"{layout.root} has an annotation {each.name} with other options ({changes}): "
                "give another name with --annotation, or the same options"
            )
        if not differing and wish.name in (None, each.name):
            return _existing(log, layout, each.recorded_name)
    usual = f"{name_for(annotator)}-clip" if wish.whole_clip else name_for(annotator)
    name = wish.name or free_name(usual, [each.name for each in found])
    started = AnnotationStarted(annotation_name=name, annotator=annotator, unit=unit, options=values)
    return Target(name, replace(layout, annotation_name=name), started, unit)


def inherited_from(log: Sequence[Event], layout: RunLayout, recorded: Mapping[str, Any], wish: Wish) -> dict[str, Any]:
    """The annotator's options where the user gives no others: those of the annotation of the name, or the default one.

    Where one may begin, those of the run, whatever annotations it has got since: so the same words mean the same
    annotation at any time. Only a run without an annotator has none, and then those of the default one count.

    Raises:
        InputError: there is no annotation of the name.
    """
    found = annotations_in(log)
    is_of_run = wish.begins and recorded["annotator"]["name"] != NO_ANNOTATOR
    if wish.begins and wish.name not in [each.name for each in found]:
        name = "" if is_of_run else default_in(log)
    else:
        name = chosen_in(log, wish.name, layout.root)
    started = next((each.started for each in found if each.recorded_name == name), None)
    return dict(started.options if started else recorded["annotator"])


def _existing(log: Sequence[Event], layout: RunLayout, recorded_name: str) -> Target:
    started = next((each.started for each in annotations_in(log) if each.recorded_name == recorded_name), None)
    unit = started.unit if started else "segment"
    return Target(recorded_name, layout_of_annotation(layout, log, recorded_name), None, unit)


def _differences(found: RunAnnotation, recorded: Mapping[str, Any], wanted: Mapping[str, object]) -> list[str]:
    """The options in which an annotation differs from the wanted one. Those of the first one are the run's own."""
    values = found.started.options if found.started else recorded["annotator"]
    if values["name"] == NO_ANNOTATOR:  # the first one, of a run that an earlier version described later
        return ["its options are not known"]
    there = _identity(found.annotator, values, found.started.unit if found.started else "segment")
    return [f"{name}: {there[name]} there, {wanted[name]} now" for name in wanted if there[name] != wanted[name]]


def _identity(annotator: str, values: Mapping[str, Any], unit: Unit) -> dict[str, object]:
    """What decides the words of an annotation: its model by name, wherever it is, and the options of the annotator."""
    by_model = ("annotator.name", "annotator.model")
    defaults = {path: value for path, value in Options.identity_defaults().items() if path.startswith("annotator.")}
    given = {"annotator": values}
    return {"annotator": annotator, "unit": unit} | {
        path.partition(".")[2]: default if (value := by_path(given, path)) is None else value
        for path, default in defaults.items()
        if path not in by_model
    }
