"""The page itself: one HTML file that needs no other, and no request."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter

from exporters.report.text import dollars, duration
from exporters.report.totals import ReportTotals, totals_of
from exporters.report.view import ShownRun
from stream.ui.text import clock, count

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE: Final = "exporters.report"
_STYLES: Final = ("vendor/uPlot.min.css", "report.css")
_SCRIPTS: Final = (
    "vendor/uPlot.iife.min.js", "elements.js", "data.js", "plot.js", "strip.js", "timeline.js", "player.js",
    "details.js", "segments.js", "clips.js", "live.js", "main.js",
)  # fmt: skip
"""In the order in which they need each other."""
_RUNS: Final = TypeAdapter(tuple[ShownRun, ...])
_ESCAPES: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPED: Final = re.compile("[<>&\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class PageOptions:
    """What a page is, apart from its runs."""

    title: str
    made_at: datetime
    failures: tuple[tuple[str, str], ...] = ()
    """Run directories that could not be read, and why."""
    has_video: bool = False
    is_live: bool = False
    """Served, and kept up to date."""
    version: str = ""
    """Of what a served page shows."""


def render(runs: Sequence[ShownRun], options: PageOptions) -> str:
    """The whole page; everything that comes from outside is escaped."""
    page = _environment().get_template("page.html.j2")
    return page.render(
        runs=runs,
        options=options,
        failures=options.failures,
        totals=totals_of(runs),
        made_at=options.made_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        policy=policy_of(options),
        style=_trusted(_joined(_STYLES)),
        script=_trusted(_joined(_SCRIPTS)),
        data=_trusted(json_in_html(runs_json(runs))),
    )


def render_facts(run: ShownRun) -> str:
    """The facts of one run, as they stand in the page."""
    return _environment().get_template("facts.html.j2").render(run=run)


def render_summary(totals: ReportTotals) -> str:
    """The figures at the top of the page."""
    return _environment().get_template("summary.html.j2").render(totals=totals)


def render_failures(failures: Sequence[tuple[str, str]]) -> str:
    """Which runs are not shown, and why."""
    return _environment().get_template("failures.html.j2").render(failures=failures)


def run_json(run: ShownRun) -> str:
    """What the browser draws of one run, as a JSON object."""
    return run.model_dump_json(exclude={"facts"})


def runs_json(runs: Sequence[ShownRun]) -> str:
    """What the browser draws, as a JSON array."""
    return _RUNS.dump_json(tuple(runs), exclude={"__all__": {"facts"}}).decode()


def json_in_html(content: str) -> str:
    """JSON that can stand in a script element: it cannot end the element, and is still the same JSON."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found.group()], content)


def policy_of(options: PageOptions) -> str:
    """The page's Content-Security-Policy: its own style and script, by their digests, and no request to anywhere.

    A served page may also ask its own server, and a file may play the videos beside it.
    """
    own = "'self'" if options.is_live else ""
    media = own or ("'self' file:" if options.has_video else "")
    directives = {
        "default-src": "'none'",
        "script-src": _source_of(_joined(_SCRIPTS)),
        "style-src": _source_of(_joined(_STYLES)),
        "img-src": f"data: {own}".strip(),
        "media-src": media or "'none'",
        "connect-src": own or "'none'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in directives.items())


def _source_of(content: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(content.encode()).digest()).decode()}'"


@cache
def _joined(names: tuple[str, ...]) -> str:
    return "\n".join(map(_static_text, names))


def _static_text(name: str) -> str:
    """A file of the page's own style and script."""
    return files(_PACKAGE).joinpath("static", *name.split("/")).read_text("utf-8")


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader(_PACKAGE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        clock=clock, duration=duration, dollars=dollars, count=count, thousands=lambda n: f"{n:,}"
    )
    return environment


def _trusted(content: str) -> str:
    """Content that is HTML, or stands where HTML is not read."""
    from markupsafe import Markup

    return Markup(content)  # noqa: S704 - our own files, and JSON without a character of HTML's
