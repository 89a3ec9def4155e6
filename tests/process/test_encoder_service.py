"""The process that holds the encoder for several chains, and what happens when it dies."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import psutil
import pytest

from models.encoders.encoder import UInt8
from models.encoders.grid import GridEncoder
from stream.config import Options
from stream.engines.service_process import ServiceProcess
from stream.errors import ExitCode, StageFailedError, exit_code_of
from stream.runtime.encoder_service.client import RemoteEncoder
from stream.runtime.socket_folder import SocketFolder
from tests.support.runs import DEADLINE_S, freeze

FRAMES = 4


@pytest.fixture
def folder() -> Iterator[SocketFolder]:
    """Where the sockets are."""
    with SocketFolder() as folder:
        yield folder


def served(folder: SocketFolder, messages: list[str], options: Mapping[str, object] | None = None) -> ServiceProcess:
    """The real process, with the encoder that needs no weights."""
    chosen = Options(source="clip.mp4").replace({"encoder.name": "grid", "encoder.batch": 4, **(options or {})})
    return ServiceProcess("encoder", chosen, folder.endpoint("encoder"), folder.path, messages.append)


def noise(count: int) -> UInt8:
    """Frames that differ."""
    frames: UInt8 = np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), np.uint8)
    return frames


def test_what_is_served_is_what_it_would_be_here(folder: SocketFolder) -> None:
    """Two clients with other frames get, each to its own, the embeddings of an encoder in this process."""
    process = served(folder, [], {"window.preset": "16@8"})
    try:
        one, other = (RemoteEncoder(folder.endpoint("encoder")) for _ in range(2))
        here = GridEncoder(one.frames)
        assert (one.name, one.encoder_px) == (here.name, here.encoder_px)
        frames = noise(one.frames + 1)
        slots = [one.frame_store().put(each) for each in frames]
        under_way = one.frame_store().encode([slots[:-1], slots[1:]])
        theirs = other.encode(frames[::-1][:-1])
        windows = frames[:-1], frames[1:], frames[::-1][:-1]
        for embedding, window in zip([*under_way.result(), theirs], windows, strict=True):
            np.testing.assert_array_equal(embedding.mean, here.encode(window).mean)
            np.testing.assert_array_equal(embedding.temporal, here.encode(window).temporal)
        assert one.facts().items() >= here.facts().items()
    finally:
        process.close()
    for client in (one, other):
        client.close()


def test_a_process_that_hangs_is_restarted(folder: SocketFolder) -> None:
    """It is killed once it has given no sign of life for ``--liveness-timeout-s``, and another one takes its place."""
    messages: list[str] = []
    process = served(folder, messages, {"runtime.liveness_timeout_s": 5.0})
    try:
        client = RemoteEncoder(folder.endpoint("encoder"))
        stopped = psutil.Process(process.pid)
        freeze(stopped)
        deadline = time.monotonic() + DEADLINE_S
        while process.pid == stopped.pid and time.monotonic() < deadline:
            process.check()
            threading.Event().wait(0.05)
        assert not stopped.is_running()
        assert messages[0].startswith("the shared encoder is restarted: it has reported nothing for ")
        client.encode(noise(client.frames))
        client.close()
    finally:
        process.close()


def test_a_process_that_is_killed_costs_nothing_but_time(folder: SocketFolder) -> None:
    """Another takes its place, gets the frames and requests that are still needed, and answers as the first would."""
    messages: list[str] = []
    process = served(folder, messages, {"window.preset": "16@8"})
    try:
        client = RemoteEncoder(folder.endpoint("encoder"))
        frames = noise(client.frames)
        store = client.frame_store()
        slots = [store.put(each) for each in frames]
        before = store.encode([slots]).result()[0]
        os.kill(process.pid, signal.SIGKILL)
        process._process.wait(DEADLINE_S)
        under_way = store.encode([slots])
        store.drop(slots[0])
        process.check()
        after = under_way.result()[0]
        np.testing.assert_array_equal(after.mean, before.mean)
        assert messages == ["the shared encoder is restarted: it ended with status -9"]
    finally:
        process.close()
    client.close()


def test_a_process_that_cannot_be_is_not_tried_again(folder: SocketFolder, tmp_path: Path) -> None:
    """Missing weights are the same the second time: their sentence, and their exit code."""
    process = served(folder, [], {"encoder.name": "vjepa2", "encoder.model": str(tmp_path / "none")})
    process._process.wait(DEADLINE_S)
    with pytest.raises(StageFailedError, match=r"the shared encoder has failed: .*none") as failed:
        process.check()
    assert exit_code_of(failed.value) == ExitCode.MODEL_MISSING
    process.close()


def test_the_process_ends_with_whoever_started_it(folder: SocketFolder) -> None:
    """Its line of control closes when its parent is gone, also after kill -9."""
    process = served(folder, [])
    process._line.close()
    assert process._process.wait(DEADLINE_S) == 0
    process.close()
