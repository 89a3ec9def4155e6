"""The live page's rules: who may see it, which bytes of a file are sent, and which runs there are."""

import os
import shutil
from email.message import Message
from pathlib import Path
from unittest.mock import Mock

import pytest

from exporters.report.live.access import Access, is_token, names_this_machine
from exporters.report.live.ranges import RangePart, byte_range
from exporters.report.live.runs import WatchedRuns
from exporters.report.live.server import _PageHandler
from tests.support.report_runs import ReportRun, make_report_run

TOKEN = "a-token-of-a-test"  # noqa: S105 - of no other use


def headers(**values: str) -> Message:
    """The headers of a request, with names in lower case, as some proxies write them."""
    sent = Message()
    for name, value in values.items():
        sent[name] = value
    return sent


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8800", True), ("localhost:8800", True), ("[::1]:8800", True), ("localhost", True),
        ("127.8.0.1", True), ("evil.example:8800", False), ("localhost.evil.example", False), ("192.168.1.5", False),
        ("", False), ("127.0.0.1.evil.example", False), ("[", False), ("[::1", False),
    ],
)  # fmt: skip
def test_only_names_of_this_machine(host: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert names_this_machine(host) is expected
    verdict = Access(is_local=True).verdict("", headers(host=host))
    assert verdict == ("allowed" if expected else "misdirected")


@pytest.mark.parametrize(
    ("query", "cookie", "expected"),
    [
        ("", "", "refused"), ("token=wrong", "", "refused"), (f"token={TOKEN}", "", "token"),
        ("", f"NAME={TOKEN}", "allowed"), ("", "NAME=wrong", "refused"), ("", ";;=,", "refused"),
        ("", f'of another program={{"a": 1}}; NAME={TOKEN}', "allowed"), ("", f"NAMEX={TOKEN}", "refused"),
    ],
)  # fmt: skip
def test_a_token_is_in_the_address_or_in_the_cookie(query: str, cookie: str, expected: str) -> None:
    access = Access(is_local=False, token=TOKEN)
    sent = headers(host="box.example", cookie=cookie.replace("NAME", access.cookie))
    assert access.verdict(query, sent) == expected


def test_servers_on_one_machine_have_cookies_of_their_own() -> None:
    """A browser sends the cookies of a host to all of its ports."""
    assert Access(is_local=False, token=TOKEN).cookie != Access(is_local=False, token=f"{TOKEN}2").cookie


@pytest.mark.parametrize("text", ["correct horse battery", "a;b", "a&b", "ünïcode", "line\n", ""])
def test_a_token_that_an_address_or_a_cookie_would_change(text: str) -> None:
    assert is_token(TOKEN)
    assert not is_token(text)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None), ("bytes=0-", RangePart(0, 99)), ("bytes=10-19", RangePart(10, 19)),
        ("bytes=-5", RangePart(95, 99)),
        ("bytes=90-500", RangePart(90, 99)), ("bytes=-500", RangePart(0, 99)), ("bytes=20-10", None),
        ("bytes=0-1,5-6", None), ("items=0-1", None), ("bytes=-", None),
    ],
)  # fmt: skip
def test_the_part_of_a_file_that_is_asked_for(header: str | None, expected: RangePart | None) -> None:
    assert byte_range(header, 100) == expected


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=500-600", "bytes=-0"])
def test_a_part_outside_of_the_file(header: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        byte_range(header, 100)


def test_runs_appear_grow_and_go(tmp_path: Path) -> None:
    """Each is named once for what is new, and not again; a checkpoint alone is no news."""
    runs = WatchedRuns(tmp_path)
    runs.poll()
    assert runs.snapshot().runs == ()
    root = make_report_run(tmp_path, ReportRun("one", segments=2, finished=False))
    runs.poll()
    news = runs.wait(0, 0.0)
    assert (news.changed, news.gone) == (("one",), ())
    assert len(runs.snapshot().runs[0].segments) == 2
    runs.poll()
    assert runs.wait(news.version, 0.0).changed == ()
    shutil.copy(make_report_run(tmp_path / "more", ReportRun("one", segments=4)) / "events.jsonl", root / "new.jsonl")
    (root / "new.jsonl").rename(root / "events.jsonl")
    runs.poll()
    later = runs.wait(news.version, 0.0)
    assert later.changed == ("one",)
    part = runs.run("one")
    assert part is not None
    assert (len(part.run.segments), part.run.state) == (4, "finished")
    shutil.rmtree(root)
    runs.poll()
    gone = runs.wait(later.version, 0.0)
    assert gone.gone == ("one",)
    assert runs.run("one") is None
    make_report_run(tmp_path, ReportRun("one", segments=3))
    runs.poll()
    again = runs.wait(later.version, 0.0)
    assert (again.changed, again.gone) == (("one",), ())


def test_pictures_have_addresses_and_are_found(tmp_path: Path) -> None:
    make_report_run(tmp_path, ReportRun("one", segments=2))
    runs = WatchedRuns(tmp_path)
    runs.poll()
    (run,) = runs.snapshot().runs
    assert run.pictures[3].src == "runs/one/keyframes/0000003000.jpg"
    assert runs.keyframe("one", "0000003000.jpg") == (tmp_path / "one" / "keyframes" / "0000003000.jpg").resolve()
    assert runs.keyframe("one", "0000999000.jpg") is None


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    """A linked run, a run with a linked file, a linked keyframe; a link that stays inside is no harm."""
    outside, inside = tmp_path / "outside", tmp_path / "runs"
    secret = make_report_run(outside, ReportRun("secret", segments=1))
    mixed = make_report_run(inside, ReportRun("mixed", segments=1))
    fine = make_report_run(inside, ReportRun("fine", segments=1))
    (inside / "linked").symlink_to(secret)
    (mixed / "run.json").unlink()
    (mixed / "run.json").symlink_to(secret / "run.json")
    (fine / "keyframes" / "0000009000.jpg").symlink_to(secret / "run.json")
    os.link(fine / "keyframes" / "0000000000.jpg", fine / "keyframes" / "0000008000.jpg")
    runs = WatchedRuns(inside)
    runs.poll()
    assert [run.key for run in runs.snapshot().runs] == ["fine"]
    assert runs.keyframe("fine", "0000009000.jpg") is None
    assert runs.keyframe("fine", "0000008000.jpg") is not None


def test_a_run_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    root = make_report_run(tmp_path, ReportRun("one", segments=1))
    (root / "run.json").write_text("{}")
    runs = WatchedRuns(tmp_path)
    runs.poll()
    snapshot = runs.snapshot()
    assert snapshot.runs == ()
    ((where, why),) = snapshot.failures
    assert where == str(root)
    assert "run.json" in why or "records" in why


def test_a_large_answer_is_sent_in_parts() -> None:
    """The time that a client may take holds for each part, not for the whole of a page on a slow line."""
    sent: list[int] = []
    handler = Mock(command="GET", wfile=Mock(write=lambda part: sent.append(len(part))))
    _PageHandler._write(handler, bytes(1_000_000))
    assert sum(sent) == 1_000_000
    assert max(sent) <= 2**18
