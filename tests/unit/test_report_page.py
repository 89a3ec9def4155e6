"""The report's HTML: self-contained, escaped, with a policy that forbids requests; and its pictures."""

import base64
import hashlib
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from exporters.report import pictures
from exporters.report.export import ReportOptions, ReportResult, write_report
from exporters.report.page import PageOptions, json_in_html, render
from exporters.report.pictures import KeyframeFile, choose_plan, embedded, keyframe_times, planned_files, wanted_times
from exporters.report.run import shown_run
from exporters.report.source_pictures import wanted_times_s
from exporters.report.view import ShownRun
from exporters.run_view import view_run
from stream.errors import InputError
from stream.records.schema.health import now
from tests.support.coded_run import FPS, make_coded_run, number_of
from tests.support.report_runs import ReportRun, make_report_run

STATIC = Path(__file__).parents[2] / "exporters" / "report" / "static"
TAGS = re.compile(r"<(script|style|link|img|video|iframe|object|embed|base|form)\b[^>]*>")


def report_of(folder: Path, *runs: Path, **options: object) -> tuple[str, ReportResult]:
    """The page, and what is reported of it."""
    written = ReportResult()
    write_report(map(view_run, runs), ReportOptions(folder / "report.html", **options), written)  # type: ignore[arg-type]
    return (folder / "report.html").read_text(), written


def runs_in(page: str) -> list[ShownRun]:
    """The runs that the browser gets."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    return [ShownRun.model_validate(run) for run in json.loads(found[1])]


def test_the_page_holds_everything_and_names_no_other_address(tmp_path: Path) -> None:
    page, written = report_of(tmp_path, make_report_run(tmp_path))
    tags = [found.group() for found in TAGS.finditer(page.partition('id="data"')[0])]
    assert [tag for tag in tags if "src=" in tag or "href=" in tag] == ['<link rel="icon" href="data:,">']
    assert written.size_bytes == len(page.encode())
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)
    assert policy
    directives = dict(each.split(" ", 1) for each in policy[1].replace("&#39;", "'").split("; "))
    assert directives["default-src"] == directives["connect-src"] == directives["media-src"] == "'none'"
    assert directives["img-src"] == "data:"
    assert "unsafe" not in policy[1]


@pytest.mark.parametrize("evil", ["</script><b>", "<!--<script>", "\u2028\u2029", "&lt;&amp;", '"\\'])
def test_json_in_html_is_the_same_json_and_ends_no_element(evil: str) -> None:
    content = json_in_html(json.dumps(evil, ensure_ascii=False))
    assert json.loads(content) == evil
    assert not set(content) & set("<>&\u2028\u2029")


def test_words_from_outside_are_escaped_in_the_html(tmp_path: Path) -> None:
    """In the title, the source, problems, and what could not be shown."""
    evil = "<img src=x onerror=alert(1)>"
    run = make_report_run(tmp_path, ReportRun(reason=evil, source=evil))
    shown = shown_run(view_run(run), "clip")
    page = render([shown], PageOptions(evil, now(), failures=((evil, evil),)))
    assert evil not in page
    assert page.count("&lt;img src=x onerror=alert(1)&gt;") >= 5


def test_our_own_scripts_cannot_end_their_element_and_the_library_is_the_published_one() -> None:
    for path in STATIC.rglob("*"):
        if path.suffix in {".js", ".css"}:
            assert not re.search(r"</(script|style)|<!--", path.read_text()), path
    for line in (STATIC / "vendor" / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((STATIC / "vendor" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize(("lost", "failed"), [(True, False), (False, True), (False, False)])
def test_only_what_was_lost_is_red(tmp_path: Path, *, lost: bool, failed: bool) -> None:
    """The number of failed descriptions is red unless it is 0; lost video is red in its own line."""
    run = shown_run(view_run(make_report_run(tmp_path)), "clip")
    intact = tuple(segment.model_copy(update={"damaged_s": 0.0}) for segment in run.segments)
    counts = run.counts.model_copy(update={"failed": 2 if failed else 0})
    run = run.model_copy(update={"counts": counts, **({} if lost else {"segments": intact, "marks": ()})})
    page = render([run], PageOptions("title", now()))
    found = re.search(r"<b(.*?)>\d</b><span>descriptions failed</span><small(.*?)>", page)
    red = ' class="is-lost"'
    assert found
    assert found.groups() == (red if failed else "", red if lost else "")


def test_a_cost_that_is_not_known_is_said_once(tmp_path: Path) -> None:
    """Of the only run; with another one whose cost is known, how many are not."""
    growing = make_report_run(tmp_path, ReportRun("growing", segments=1, finished=False))
    page, _ = report_of(tmp_path, growing)
    assert "<b>unknown</b><span>cost</span><small></small>" in page
    both, _ = report_of(tmp_path, growing, make_report_run(tmp_path, ReportRun("ended", segments=1)))
    assert "known cost</span>" in both
    assert "unknown for 1 clip" in both


@pytest.mark.slow
def test_pictures_fit_into_their_budget(tmp_path: Path) -> None:
    """All frames in full size if there is room; otherwise fewer and smaller ones, and never more than the budget."""
    run = make_report_run(tmp_path)
    many = runs_in(report_of(tmp_path, run)[0])[0].pictures
    assert len(many) == 60
    few = runs_in(report_of(tmp_path, run, pictures_bytes=30_000)[0])[0].pictures
    assert 10 <= len(few) < 60
    assert sum(len(picture.src) for picture in few) <= 30_000
    assert runs_in(report_of(tmp_path, run, pictures_bytes=0)[0])[0].pictures == ()


def test_a_segments_pictures_show_where_its_boxes_are(tmp_path: Path) -> None:
    segment = shown_run(view_run(make_report_run(tmp_path)), "clip").segments[3]
    times_ms = list(range(0, 60_000, 1000))
    assert wanted_times(segment, times_ms, 1) == [21_000]
    assert wanted_times(segment, times_ms, 60) == times_ms[18:24]
    action = segment.actions[0]
    boxes = tuple(each.model_copy(update={"keyframe_t_s": 20.9}) for each in action.objects)
    moved = segment.model_copy(update={"actions": (action.model_copy(update={"t_start_s": 20.9, "objects": boxes}),)})
    assert wanted_times(moved, times_ms, 2) == [18_000, 21_000, 23_000]
    assert wanted_times(segment, [], 3) == []


def test_a_keyframe_that_is_gone_or_damaged_is_left_out(tmp_path: Path) -> None:
    whole, damaged = tmp_path / "0000000000.jpg", tmp_path / "0000001000.jpg"
    cv2.imwrite(str(whole), np.zeros((40, 60, 3), np.uint8))
    damaged.write_bytes(b"not a picture")
    files = [KeyframeFile(0, t_ms, tmp_path / f"{t_ms:010d}.jpg", 60) for t_ms in (0, 1000, 2000)]
    assert [picture.t_s for _, picture in embedded(files, 100, 10**6)] == [0.0]


def test_the_plan_depends_on_the_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_report_run(tmp_path, ReportRun(boxes_after_s=0.0))
    runs, folders = [shown_run(view_run(root), "clip")], [root / "keyframes"]
    times = [keyframe_times(folders[0])]
    monkeypatch.setattr(pictures, "shrunk_file", lambda _file, longest_px: bytes(longest_px * 10))
    plans = [choose_plan(runs, folders, times, budget) for budget in (10**9, 100_000, 1)]
    assert [len(planned_files(runs, folders, times, plan.frames)) for plan in plans] == [60, 30, 10]
    assert [plan.longest_px for plan in plans] == [480, 208, 112]


def test_pictures_that_are_gone_are_decoded_again_from_the_clip(tmp_path: Path) -> None:
    """Each shows what the clip shows at its time."""
    page, written = report_of(tmp_path, make_coded_run(tmp_path))
    (run,) = runs_in(page)
    assert written.failures == []
    assert run.pictures_note == ""
    numbers = []
    for picture in run.pictures:
        content = base64.b64decode(picture.src.partition(",")[2])
        bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        assert bgr is not None
        numbers.append(number_of(np.asarray(bgr, np.uint8)))
    assert numbers == [round(picture.t_s * FPS) for picture in run.pictures]
    assert len(numbers) >= 3 * 4


def test_without_keyframes_and_clip_the_page_says_so(tmp_path: Path) -> None:
    page, written = report_of(tmp_path, make_report_run(tmp_path, ReportRun(keyframes=False)))
    assert written.failures == []
    (run,) = runs_in(page)
    assert run.pictures == ()
    assert run.pictures_note.startswith(
        "no pictures: the keyframes are gone, and the clip cannot be read (/clips/clip.mp4"
    )


def test_the_first_pictures_to_decode_are_one_of_each_segment(tmp_path: Path) -> None:
    """The anomalous ones before the others, each where the boxes of its first action are, or in its middle."""
    run = shown_run(view_run(make_report_run(tmp_path)), "clip")
    assert sorted(wanted_times_s(run.segments)[:2]) == [25.0, 55.0]
    assert len({int(t_s // 6) for t_s in wanted_times_s(run.segments)[:10]}) == 10


def test_a_video_that_cannot_be_cut_is_named_and_the_page_is_written(tmp_path: Path) -> None:
    page, written = report_of(tmp_path, make_report_run(tmp_path), video=True)
    ((where, error),) = written.failures
    assert where.startswith("video of ")
    assert isinstance(error, InputError)
    assert f"<li><bdi>{where}</bdi>" in page
