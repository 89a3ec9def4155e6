"""The run seen from outside: metrics and health over HTTP, the heartbeat file, and JSON on standard output."""

import json
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import jsonschema
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from stream.records.schema import events
from stream.records.schema.generate import schemas
from tests.support.echo_server import MODEL, TOKENS_OUT
from tests.support.inline import run_here
from tests.support.openai_server import serving
from tests.support.runs import DEADLINE_S, freeze, make_clip_with_lens, started, wait_for_event, worker_named

GRID = ("--encoder", "grid")
PROCESSES = {"ingest", "encode", "detect", "record"}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of moving texture, with its calibration beside it."""
    return make_clip_with_lens(tmp_path_factory.mktemp("worker"), seconds=6)


def address(process: subprocess.Popen[str]) -> str:
    """Where a run that was started with ``--metrics-port 0`` says that it can be asked."""
    assert process.stdout is not None
    return process.stdout.readline().removeprefix("metrics at ").strip().removesuffix("/metrics")


def scraped(url: str) -> dict[str, dict[tuple[str, ...], float]]:
    """All samples, by name and by the values of their labels."""
    samples: dict[str, dict[tuple[str, ...], float]] = {}
    with urlopen(f"{url}/metrics", timeout=DEADLINE_S) as answer:  # noqa: S310 - our own server
        for family in text_string_to_metric_families(answer.read().decode()):
            for sample in family.samples:
                samples.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return samples


def healthz(url: str) -> tuple[int, dict[str, Any]]:
    """Heartbeat and body of ``/healthz``."""
    try:
        with urlopen(f"{url}/healthz", timeout=DEADLINE_S) as answer:  # noqa: S310 - our own server
            return answer.status, json.load(answer)
    except HTTPError as error:
        with error:
            return error.code, json.load(error)


def is_blamed(url: str, name: str) -> bool:
    """Whether ``/healthz`` complains of that process."""
    status, report = healthz(url)
    return status == 503 and f"the {name} process" in report["reason"]


def until(process: subprocess.Popen[str], come: Callable[[], bool]) -> None:
    """Wait for something to come about while the program runs."""
    deadline = time.monotonic() + DEADLINE_S
    while not come():
        assert time.monotonic() < deadline, "it did not come about"
        try:
            raise AssertionError(f"the program ended with {process.wait(0.05)}")
        except subprocess.TimeoutExpired:
            continue


def read(run_dir: Path) -> dict[str, Any]:
    """``health.json``, which is valid whenever it is looked at."""
    report: dict[str, Any] = json.loads((run_dir / "health.json").read_text())
    jsonschema.Draft202012Validator(schemas()["health"]).validate(report)
    return report


def test_scrape_speaks_of_the_run(clip: Path, tmp_path: Path) -> None:
    """While a run lasts a scrape gives its progress, its segments and what each process costs, all in agreement."""
    words = (clip, *GRID, "--out", tmp_path, "--loop", "--detector-max-segment-s", "4", "--metrics-port", "0")
    with started(*words) as process:
        url = address(process)
        until(process, lambda: bool(scraped(url).get("egoclean_segments_settled_total")))
        until(process, lambda: scraped(url)["egoclean_decoded_seconds"][()] > 4)  # reported twice a second
        until(process, lambda: scraped(url)["egoclean_windows_total"][()] > 0)
        scrape: dict[str, Any] = {}

        def scrape_agrees() -> bool:
            scrape.update(scraped(url))
            return frames_agree(scrape)

        until(process, scrape_agrees)
    assert "egoclean_lag_seconds" not in scrape
    assert scrape["egoclean_realtime_ratio"][()] > 0
    assert scrape["egoclean_cost_dollars_total"][()] > 0
    closed = sum(scrape["egoclean_segments_closed_total"].values())
    assert sum(scrape["egoclean_segment_closing_latency_seconds_count"].values()) == closed >= 1
    assert set(scrape["egoclean_segments_settled_total"]) == {("unknown", "skipped")}
    for name in ("cpu_seconds_total", "resident_bytes", "items_total", "blocked_seconds_total"):
        assert {process for (process,) in scrape[f"egoclean_process_{name}"]} == PROCESSES
    assert min(scrape["egoclean_process_resident_bytes"].values()) > 1e6
    assert scrape["process_cpu_seconds_total"][()] > 0


def frames_agree(scrape: dict[str, Any]) -> bool:
    """Whether the decoded frames are those of the decoded time.

    Processes report twice a second, and the time is that of the newest report: both are of one moment only where that
    is the report of the process that decodes. Frames are never ahead of the time.
    """
    frames, decoded_s = scrape["egoclean_frames_total"][()], scrape["egoclean_decoded_seconds"][()]
    assert frames <= 30 * decoded_s + 31
    return bool(frames == pytest.approx(30 * decoded_s, abs=31))


def test_stall_is_seen_and_passes(clip: Path, tmp_path: Path) -> None:
    """When encoding stands still /healthz is 503 and `health` is 1, and both name it; then all is well again."""
    run_dir = tmp_path / "clip"
    pace = ("--pace", "realtime", "--queue-mib", "1", "--progress-timeout-s", "2")
    with started(clip, *GRID, "--out", tmp_path, "--loop", *pace, "--metrics-port", "0") as process:
        url = address(process)
        until(process, lambda: scraped(url)["egoclean_windows_total"][()] > 0)
        encode = worker_named(process, run_dir, "encode")
        freeze(encode)
        until(process, partial(is_blamed, url, "encode"))
        status, report = healthz(url)
        assert (status, report["state"]) == (503, "stalled")
        assert "the encode process has done nothing for" in report["reason"]
        until(process, lambda: read(run_dir)["state"] == "stalled")
        result = run_here("health", tmp_path)
        assert result.returncode == 1
        assert "the encode process" in result.stdout
        until(process, lambda: scraped(url)["egoclean_lag_seconds"][()] > 1)
        assert scraped(url)["egoclean_process_blocked_seconds_total"]["ingest",] > 1
        encode.send_signal(signal.SIGCONT)
        until(process, lambda: healthz(url)[0] == 200)
        until(process, lambda: run_here("health", run_dir).returncode == 0)


def test_stalled_annotator_and_source_are_named(clip: Path, tmp_path: Path) -> None:
    """When describing or decoding stands still /healthz is 503 and names the process; then all is well again."""
    with serving() as server:
        asks = ("--annotator", "openai", "--annotator-url", server.url, "--annotator-model", MODEL)
        pace = ("--pace", "realtime", "--progress-timeout-s", "3", "--detector-max-segment-s", "4")
        with started(clip, *GRID, *asks, *pace, "--out", tmp_path, "--loop", "--metrics-port", "0") as process:
            url = address(process)
            until(process, lambda: bool(scraped(url).get("egoclean_annotation_tokens_total")))
            for name in ("annotate", "ingest"):
                worker = worker_named(process, tmp_path / "clip", name)
                freeze(worker)
                until(process, partial(is_blamed, url, name))
                worker.send_signal(signal.SIGCONT)
                until(process, lambda: healthz(url)[0] == 200)
            scrape = scraped(url)
    assert scrape["egoclean_segment_annotation_latency_seconds_count"]["unknown",] >= 1
    assert scrape["egoclean_annotation_tokens_total"]["out",] >= TOKENS_OUT
    assert scrape["egoclean_spool_bytes"][()] > 0
    for queue in ("egoclean_process_queue_seconds", "egoclean_process_queue_items"):
        assert {name for (name,) in scrape[queue]} >= {"encode", "detect", "record", "annotate"}


def test_metrics_port_is_closed_by_default(clip: Path, tmp_path: Path) -> None:
    """Without --metrics-port a run opens no port."""
    with started(clip, *GRID, "--out", tmp_path, "--loop") as process:
        wait_for_event(tmp_path / "clip", lambda event: isinstance(event, events.SegmentOpened), process)
        assert psutil.Process(process.pid).net_connections("inet") == []
