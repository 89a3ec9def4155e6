"""The report in a real browser: what is seen, clicked and typed, and that nothing from outside runs or is fetched."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from exporters.report.export import ReportOptions, ReportResult, write_report
from exporters.run_view import view_run
from tests.support.browser import opened, running_browser
from tests.support.coded_run import make_coded_run
from tests.support.report_runs import HEIGHT_PX, WIDTH_PX, ReportRun, make_report_run

EVIL = "</script><script>window.pwned=1</script><img src=x onerror='window.pwned=1'>"
BACKWARDS = "\u202e\u0642\u0645 \u0628\u0631\u0628\u0637 \u2028 \u0627\u0644\u0628\u0631\u063a\u064a"
NOTE_LABELS = """() => {
    const button = document.querySelector("#play");
    window.labels = [];
    new MutationObserver(() => window.labels.push(button.ariaLabel)).observe(button, { attributes: true });
}"""
"""Keeps every label that the button gets: a short segment plays for less than a second."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with running_browser() as running:
        yield running


def written(folder: Path, *runs: Path, video: bool = False) -> Path:
    """The report of these runs."""
    out = folder / "report.html"
    report = ReportResult()
    write_report(map(view_run, runs), ReportOptions(out, video=video), report)
    assert report.failures == []
    return out


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run of ten segments and one of five."""
    folder = tmp_path_factory.mktemp("two")
    runs = make_report_run(folder, ReportRun("first", segments=10)), make_report_run(folder, ReportRun("other", 5))
    return written(folder, *runs)


def selected(page: Page) -> str:
    """What a screen reader says of the time line."""
    return page.locator("#timeline").get_attribute("aria-valuetext") or ""


def test_hostile_words_are_shown_and_nothing_runs(browser: Browser, tmp_path: Path) -> None:
    """In every place where a name, a reason or a model's word appears; and the page asks for nothing."""
    run = ReportRun(
        name="evil", subtask=EVIL, thing='"><svg onload=window.pwned=1>', scene=BACKWARDS, reason=EVIL, damage=EVIL,
        source="/clips/<b onclick=window.pwned=1>x</b>.mp4",
    )  # fmt: skip
    out = written(tmp_path, make_report_run(tmp_path, run))
    with opened(browser, out) as seen:
        expect(seen.page.locator("#list .row").first).to_contain_text(EVIL)
        seen.page.locator(".actions button").first.click()
        expect(seen.page.locator(".stage text")).to_have_text(run.thing)
        expect(seen.page.locator(".facts .source")).to_have_text(run.source)
        assert BACKWARDS.split(maxsplit=1)[0] in (seen.page.locator(".actions .words").first.text_content() or "")
        assert seen.page.evaluate("window.pwned") is None
        assert seen.page.locator("b[onclick], svg[onload], img[onerror]").count() == 0
        assert (seen.requests, seen.errors) == ([out.as_uri()], [])


def test_a_click_and_the_keys_select_segments(browser: Browser, two: Path) -> None:
    """It begins with the most unusual segment; arrows step, n finds the next anomaly, a click on the film selects."""
    with opened(browser, two) as seen:
        page = seen.page
        assert selected(page).startswith("segment 10 of 10, 0:00:54.0 to 0:01:00.0, anomalous")
        page.keyboard.press("ArrowLeft")
        assert selected(page).startswith("segment 9 of 10")
        page.keyboard.press("n")
        page.keyboard.press("n")
        assert selected(page).startswith("segment 5 of 10")
        box = page.locator("#strip").bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2 + 20, box["y"] + 50)
        assert selected(page).startswith("segment 6 of 10")
        expect(page.locator("#details h3")).to_contain_text("s0005")
        assert page.url.endswith("#first/s0005")
        page.locator(".clip-row", has_text="other").click()
        expect(page.locator("#clip-name")).to_have_text("other")
        expect(page.locator(".facts:visible")).to_have_count(1)
        assert seen.errors == []


def test_long_names_of_clips_are_told_apart_in_the_list(browser: Browser, tmp_path: Path) -> None:
    """By their ends, and each row names its segment; the whole name is shown when the mouse rests on it."""
    names = [f"factory_001_worker_001_{number:04}" for number in range(2)]
    runs = [make_report_run(tmp_path, ReportRun(name, segments=2)) for name in (*names, "other")]
    with opened(browser, written(tmp_path, *runs)) as seen:
        rows = seen.page.locator("#list .row .where")
        labels = {row.split("\n")[0] for row in rows.all_inner_texts()}
        assert labels == {"factory_001_…er_001_0000", "factory_001_…er_001_0001", "other"}
        expect(rows.filter(has_text="001_0001").last).to_contain_text("s0001 · 0:00:06.0 to 0:00:12.0")
        assert {*names} < {title.get_attribute("title") for title in rows.locator("b").all()}
        widths = "(all) => all.map((each) => each.scrollWidth - each.clientWidth)"
        assert max(rows.locator("b").evaluate_all(widths)) <= 0


def test_an_address_names_a_segment(browser: Browser, two: Path) -> None:
    """One that names nothing, or is not valid, is as good as none."""
    with opened(browser, f"{two.as_uri()}#other/s0002") as seen:
        assert selected(seen.page).startswith("segment 3 of 5")
    with opened(browser, f"{two.as_uri()}#%") as seen:
        assert selected(seen.page).startswith("segment 10 of 10")
        assert seen.errors == []


def test_an_action_shows_its_objects_on_its_keyframe(browser: Browser, two: Path) -> None:
    """The box has the coordinates of the record, over the keyframe that it was drawn in, a second after the start."""
    with opened(browser, f"{two.as_uri()}#first/s0004") as seen:
        page = seen.page
        page.locator(".actions button").first.click()
        rect = page.locator(".stage rect")
        assert [rect.get_attribute(name) for name in ("x", "y", "width", "height")] == ["20", "70", "50", "50"]
        assert page.locator(".stage svg").get_attribute("viewBox") == f"0 0 {WIDTH_PX} {HEIGHT_PX}"
        expect(page.locator(".stage img")).to_have_attribute("alt", "keyframe at 0:00:25.0")
        assert page.evaluate("document.querySelector('.stage img').naturalWidth") == WIDTH_PX


def test_objects_are_drawn_over_no_other_picture(browser: Browser, tmp_path: Path) -> None:
    """Where the keyframe of an action's boxes is gone, the nearest one is shown without them."""
    out = written(tmp_path, make_report_run(tmp_path, ReportRun(boxes_after_s=1.4)))
    with opened(browser, f"{out.as_uri()}#clip/s0004") as seen:
        seen.page.locator(".actions button").first.click()
        expect(seen.page.locator(".stage img")).to_have_attribute("alt", "keyframe at 0:00:25.0")
        assert seen.page.locator(".stage rect").count() == 0


def test_space_plays_the_keyframes_of_a_segment(browser: Browser, two: Path) -> None:
    with opened(browser, two) as seen:
        seen.page.evaluate(NOTE_LABELS)
        seen.page.keyboard.press(" ")
        seen.page.wait_for_function("() => window.labels.includes('Pause')")
        expect(seen.page.locator("#player-time")).to_have_text("0:00:59.0")
        expect(seen.page.locator("#play")).to_have_attribute("aria-label", "Play")


def test_a_segment_that_is_chosen_plays(browser: Browser, two: Path) -> None:
    """By an arrow key, and by a click in the list; not where the system asks for less motion."""
    with opened(browser, two) as seen:
        page, button = seen.page, seen.page.locator("#play")
        expect(button).to_have_attribute("aria-label", "Play")
        page.evaluate(NOTE_LABELS)
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("() => window.labels.includes('Pause')")
        expect(page.locator("#player-time")).to_have_text("0:00:53.0")
        expect(button).to_have_attribute("aria-label", "Play")
        page.evaluate(NOTE_LABELS)
        page.locator("#list .row").first.click()
        page.wait_for_function("() => window.labels.includes('Pause')")
    with opened(browser, two, calm=True) as seen:
        seen.page.keyboard.press("ArrowLeft")
        expect(seen.page.locator("#details h3")).to_contain_text("s0008")
        assert seen.page.locator("#play").get_attribute("aria-label") == "Play"
        assert seen.page.locator(".stage img").get_attribute("alt") == "keyframe at 0:00:48.0"


def test_a_click_is_not_lost_when_the_list_is_redrawn(browser: Browser, two: Path) -> None:
    """As it is while it scrolls, and when a run that is watched has more."""
    with opened(browser, two, calm=True) as seen:
        page, row = seen.page, seen.page.locator("#row-1")
        page.evaluate("() => { document.querySelector('#list').scrollTop = 0; }")
        row.scroll_into_view_if_needed()
        box = row.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 9, box["y"] + 9)
        page.mouse.down()
        page.evaluate("() => window.dispatchEvent(new Event('resize'))")
        page.mouse.up()
        expect(row).to_have_attribute("aria-selected", "true")


def test_arrows_on_the_slider_go_from_keyframe_to_keyframe(browser: Browser, two: Path) -> None:
    """Each key shows the next keyframe or the one before, up to the segment's last and first; the segment stays."""
    with opened(browser, two) as seen:
        segment, image = selected(seen.page).split(",")[0], seen.page.locator(".stage img")
        seen.page.locator("input[type=range]").focus()
        shown = []
        for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowDown"):
            seen.page.keyboard.press(key)
            shown.append(image.get_attribute("alt"))
        assert [(alt or "").removeprefix("keyframe at ") for alt in shown] == [
            f"0:00:{second}.0" for second in (55, 56, 55, 54, 54)
        ]
        assert selected(seen.page).startswith(segment)


def test_filters_and_search(browser: Browser, two: Path) -> None:
    """All words must be found, in any field; filters add up."""
    with opened(browser, two) as seen:
        page, shown = seen.page, seen.page.locator("#shown-count")
        expect(shown).to_have_text("15")
        page.locator("[data-filter=anomalous]").click()
        expect(shown).to_have_text("3 of 15")
        page.locator("[data-filter=here]").click()
        expect(shown).to_have_text("2 of 15")
        page.locator("[data-filter=anomalous]").click()
        page.locator("[data-filter=here]").click()
        page.locator("[data-filter=failed]").click()
        expect(shown).to_have_text("3 of 15")
        page.locator("[data-filter=failed]").click()
        page.keyboard.press("/")
        page.keyboard.type("Screwdriver screw 8")
        expect(shown).to_have_text("1 of 15")
        expect(page.locator("#list .row .says")).to_have_text("drive the screw in 8")
        page.locator("#search").fill("no such word")
        expect(page.locator("#list")).to_contain_text("No segment matches.")


@pytest.mark.parametrize(("size", "dark"), [((1280, 800), False), ((1280, 800), True), ((390, 844), False)])
def test_it_fits_a_screen_of_any_width_and_is_dark_where_the_system_is(
    browser: Browser, two: Path, size: tuple[int, int], *, dark: bool
) -> None:
    with opened(browser, two, size=size, dark=dark) as seen:
        page = seen.page
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        red = int(page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]"))
        assert (red < 60) == dark
        drawn = (
            "(id) => { const c = document.getElementById(id); return c.getContext('2d')"
            ".getImageData(0, 0, c.width, c.height).data.some((value) => value > 0); }"
        )
        page.wait_for_function(drawn, arg="strip")
        assert seen.errors == []


def test_thousands_of_segments_stay_smooth(browser: Browser, tmp_path: Path) -> None:
    """Only the rows in view exist, and a step of the selection is drawn well within a tenth of a second."""
    run = ReportRun(segments=5000, segment_s=5.0, keyframes=False)
    out = written(tmp_path, make_report_run(tmp_path, run))
    with opened(browser, out) as seen:
        page = seen.page
        expect(page.locator("#shown-count")).to_have_text("5,000")
        assert page.locator("#list .row").count() < 40
        page.evaluate("document.getElementById('list').scrollTop = 1e9")
        expect(page.locator("#list .row").last).to_have_attribute("aria-posinset", "5000")
        page.keyboard.press("0")
        step_ms = page.evaluate(
            "() => Math.min(...Array.from({ length: 20 }, () => { const began = performance.now(); page.step(-1);"
            " return performance.now() - began; }))"
        )
        assert step_ms < 100
        lost = (
            "() => { const strip = document.getElementById('strip'), ratio = devicePixelRatio;"
            " const row = strip.getContext('2d').getImageData(0, 18 * ratio, strip.width, 1).data;"
            " return row.filter((red, place) => place % 4 === 0 && red === 0x7a).length; }"
        )
        assert page.evaluate(lost) < 20  # half a second here and there, too short to be seen, hides no segment
        assert seen.errors == []


def test_the_video_beside_the_page_plays_a_segment_and_stops_at_its_end(browser: Browser, tmp_path: Path) -> None:
    out = written(tmp_path, make_coded_run(tmp_path), video=True)
    with opened(browser, f"{out.as_uri()}#clip/s0001") as seen:
        page = seen.page
        page.wait_for_function("() => document.querySelector('video').readyState >= 2")
        assert page.evaluate("document.querySelector('video').currentTime") == pytest.approx(1.5, abs=0.01)
        page.keyboard.press(" ")
        expect(page.locator("#player-time")).to_have_text("0:00:02.6")
        expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
        assert page.evaluate("document.querySelector('video').paused")
        assert seen.errors == []
    for video in tmp_path.glob("report_videos/*.mp4"):
        video.unlink()
    with opened(browser, f"{out.as_uri()}#clip/s0001") as seen:  # the page alone was sent on: its pictures are there
        expect(seen.page.locator(".stage img")).to_be_visible()
