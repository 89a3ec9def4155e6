"""``serve``: the program as a server, asked by clients and seen in a browser."""

import http.client
import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.browser import opened, running_browser
from tests.support.coded_run import make_coded_run
from tests.support.inline import run_here
from tests.support.report_runs import ReportRun, make_report_run
from tests.support.runs import DEADLINE_S, started

SECRET = "a-token-of-sixteen-or-more"  # noqa: S105 - of no other use


@contextmanager
def serving(folder: Path, *words: str | Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address that the server prints, and its process."""
    with started("serve", folder, "--port", "0", *words) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip(), process


def ask(address: str, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    """The answer to a request, its path as it is."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=DEADLINE_S)
    try:
        connection.putrequest("GET", path, skip_host="Host" in headers)
        for name, value in headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def await_run(address: str, **headers: str) -> str:
    """Wait until a run has been read; its key."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=DEADLINE_S)
    try:
        connection.request("GET", "/events", headers=headers)
        line = next(line for line in connection.getresponse() if line.startswith(b"data: "))
        return str(json.loads(line[6:])["key"])
    finally:
        connection.close()


def test_it_reads_runs_and_nothing_else_and_stops_in_order(tmp_path: Path) -> None:
    """No path leads out of the folder, other names of this machine are refused, and SIGTERM ends it with its code."""
    runs = tmp_path / "runs"
    make_report_run(runs, ReportRun("one", segments=2))
    (tmp_path / "secret.jpg").write_text("secret")
    (runs / "one" / "keyframes" / "0000099000.jpg").symlink_to(tmp_path / "secret.jpg")
    with serving(runs) as (address, process):
        assert await_run(address) == "one"
        page, content = ask(address, "/")
        assert (page.status, b"s0001" in content) == (200, True)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        picture, jpeg = ask(address, "/runs/one/keyframes/0000001000.jpg")
        assert (picture.status, jpeg[:2]) == (200, b"\xff\xd8")
        for path in (
            "/../secret.jpg", "/runs/one/keyframes/../run.json", "/runs/one/keyframes/%2e%2e%2frun.json", "/runs/..",
            "/runs/one/keyframes/0000099000.jpg", "/runs/one/run.json", "/etc/passwd", "//etc/passwd", "/runs/two",
        ):  # fmt: skip
            answer, body = ask(address, path)
            assert (answer.status, b"secret" in body) == (404, False), path
        assert ask(address, "/", Host="evil.example")[0].status == 421
        assert ask(address, "/", Host="[")[0].status == 421
        assert ask(address, "http://[bad", Host="localhost")[0].status == 400
        for _ in range(33):  # a HEAD request is answered, and follows nothing
            head = http.client.HTTPConnection(urlsplit(address).netloc, timeout=DEADLINE_S)
            head.request("HEAD", "/events")
            assert head.getresponse().status == 200
            head.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 143


def test_the_folder_may_appear_later(tmp_path: Path) -> None:
    """As for ``tail``: the server says what it waits for."""
    with serving(tmp_path / "runs") as (address, process):
        assert ask(address, "/")[0].status == 200
        make_report_run(tmp_path / "runs", ReportRun("one", segments=2))
        assert await_run(address) == "one"
        process.terminate()
        assert process.stderr is not None
        assert "waiting for runs in" in process.stderr.read()


def test_others_need_the_token(tmp_path: Path) -> None:
    """It moves from the address into a cookie; without it nothing is answered."""
    make_report_run(tmp_path, ReportRun("one", segments=2))
    with serving(tmp_path, "--host", "0.0.0.0", "--token", SECRET) as (printed, process):  # noqa: S104 - that is tested
        assert printed.endswith(f"/?token={SECRET}")
        address = printed.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        for path in ("/", "/events", "/runs/one", "/runs/one/keyframes/0000001000.jpg", "/?token=x"):
            assert ask(address, path)[0].status == 403
        entered, _ = ask(address, f"/?token={SECRET}")
        assert (entered.status, entered.headers["Location"]) == (303, "/")
        cookie, _, rules = entered.headers["Set-Cookie"].partition("; ")
        assert rules.startswith("HttpOnly; SameSite=Strict")
        assert await_run(address, Cookie=cookie) == "one"
        assert ask(address, "/runs/one", Cookie=cookie)[0].status == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(DEADLINE_S) == 130


def test_a_video_is_sent_in_parts(tmp_path: Path) -> None:
    run = make_coded_run(tmp_path)
    out = tmp_path / "report.html"
    assert run_here("report", run, "--out", out, "--video").returncode == 0
    (video,) = (tmp_path / "report_videos").iterdir()
    with serving(run.parent, "--videos", tmp_path / "report_videos") as (address, _):
        await_run(address)
        whole, content = ask(address, "/runs/clip/video")
        assert (whole.status, whole.headers["Accept-Ranges"]) == (200, "bytes")
        assert content == video.read_bytes()
        part, middle = ask(address, "/runs/clip/video", Range="bytes=100-199")
        assert (part.status, middle) == (206, content[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(content)}"
        assert ask(address, "/runs/clip/video", Range=f"bytes={len(content)}-")[0].status == 416


def test_idle_pages_are_bounded(tmp_path: Path) -> None:
    """One more than the limit is refused; when one leaves, there is room again."""
    make_report_run(tmp_path, ReportRun("one", segments=1))
    with serving(tmp_path) as (address, _):
        where = urlsplit(address).netloc
        followers = [http.client.HTTPConnection(where, timeout=DEADLINE_S) for _ in range(33)]
        answers = []
        for follower in followers:
            follower.request("GET", "/events")
            answers.append(follower.getresponse())
        assert [answer.status for answer in answers] == [200] * 32 + [503]
        for follower, answer in zip(followers, answers, strict=True):
            answer.close()
            follower.close()


def test_runs_appear_and_segments_arrive_in_the_browser(tmp_path: Path) -> None:
    """Without a reload: a run that begins, its next segments, its end; what is selected stays selected."""
    runs, later = tmp_path / "runs", tmp_path / "later"
    runs.mkdir()
    events = make_report_run(later, ReportRun("one", segments=4, thing="wrench")) / "events.jsonl"
    with running_browser() as browser, serving(runs) as (address, _), opened(browser, address) as seen:
        page = seen.page
        expect(page.locator("#clip-name")).to_have_text("No run yet")
        shutil.copytree(later / "one", tmp_path / "begun")
        lines = events.read_bytes().splitlines(keepends=True)
        growing = tmp_path / "begun" / "events.jsonl"
        first_outcome = next(place for place, line in enumerate(lines) if b"segment.annotated" in line)
        growing.write_bytes(b"".join(lines[: first_outcome + 1]))
        (tmp_path / "begun").rename(runs / "one")
        expect(page.locator("#clip-name")).to_have_text("one")
        expect(page.locator("#shown-count")).to_have_text("1")
        expect(page.locator(".stage img")).to_be_visible()
        assert page.evaluate("document.querySelector('.stage img').naturalWidth > 0")
        with (runs / "one" / "events.jsonl").open("ab") as file:
            file.write(b"".join(lines[first_outcome + 1 :]))
        expect(page.locator("#shown-count")).to_have_text("4")
        expect(page.locator("#clip-state")).to_have_text("finished")
        expect(page.locator("#details h3")).to_contain_text("s0000")
        expect(page.locator("#summary")).to_contain_text("4segments")
        make_report_run(tmp_path / "second", ReportRun("two", segments=2))
        (tmp_path / "second" / "two").rename(runs / "two")
        expect(page.locator(".clip-row")).to_have_count(2)
        page.locator(".clip-row", has_text="two").click()
        expect(page.locator(".facts:visible .source")).to_have_text("/clips/clip.mp4")
        assert seen.errors == []
        assert all(request.startswith(address) for request in seen.requests)


def test_a_page_that_is_read_stays_where_it_is(tmp_path: Path) -> None:
    """News asks for little, and neither scrolls the list nor takes the focus; a run that is damaged is named."""
    runs = tmp_path / "runs"
    growing = make_report_run(runs, ReportRun("one", segments=60, finished=False))
    make_report_run(runs, ReportRun("two", segments=3))
    later = make_report_run(tmp_path / "later", ReportRun("one", segments=62)) / "events.jsonl"
    with running_browser() as browser, serving(runs) as (address, _):
        await_run(address)
        with opened(browser, address) as seen:
            page = seen.page
            expect(page.locator("#shown-count")).to_have_text("63")
            page.evaluate("document.getElementById('list').scrollTop = 1500")
            page.locator(".clip-row", has_text="two").focus()
            log = growing / "events.jsonl"
            with page.expect_response(lambda answer: "/runs/one?" in answer.url) as caught:
                log.write_bytes(later.read_bytes())
            sent = caught.value.json()
            assert (len(sent["run"]["segments"]), sent["same"]["segments"]) == (2, 60)
            expect(page.locator("#shown-count")).to_have_text("65")
            assert page.evaluate("page.runs.find((run) => run.key === 'one').segments.length") == 62
            expect(page.locator("#clip-state")).to_have_text("finished")
            assert page.evaluate("document.getElementById('list').scrollTop") == 1500
            assert page.evaluate("document.activeElement.dataset.key") == "two"
            (growing / "run.json").write_text("{")
            with log.open("ab") as file:
                file.write(later.read_bytes().splitlines(keepends=True)[-1])
            expect(page.locator("#failures li")).to_contain_text("one")
            expect(page.locator("#shown-count")).to_have_text("3")
            expect(page.locator("#summary")).to_contain_text("in 1 clip")
            shutil.rmtree(runs / "two")
            expect(page.locator("#clip-name")).to_have_text("No run yet")
            assert seen.errors == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--token", "short"], "--token has 5 characters: it must have at least 16"),
        (["--token", "correct horse battery"], "--token may have letters of ASCII, digits, and . _ ~ - only"),
        (["--host", "256.1.1.1"], "--host 256.1.1.1 has no address"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, words: list[str], message: str) -> None:
    done = run_here("serve", tmp_path, *words)
    assert done.returncode == 2
    assert message in done.stderr
