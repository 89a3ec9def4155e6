"""A camera's packets across its connections: each outage is reported once, with its length and its reasons."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any, TypeAlias, cast

import av
import pytest

from stream.errors import UnreachableError
from stream.pipeline.facts import SourceDamaged, SourceGap, SourceLost, StreamOverload
from stream.pipeline.items import ConnectionLost, ConnectionRestored, Item, Packet, PacketsDropped, Picture, SourceEvent
from stream.sources.live.backoff import Backoff
from stream.sources.live.camera_clock import CameraPosition
from stream.sources.live.camera_packets import CameraPackets
from stream.sources.table import open_clip
from stream.stages.decode import Decode
from stream.video.container import open_stream, read_facts
from stream.video.packets import packets
from tests.support.clips import make_clip
from tests.support.fake_time import FakeClock
from tests.support.live_packets import packet, times_s

PacketItem: TypeAlias = Packet | SourceEvent
Arrival = tuple[float, "av.Packet[av.VideoStream]"]


class FakeCamera:
    """Gives one list of (time of arrival, packet) a connection; an error in it is raised."""

    def __init__(
        self, clock: FakeClock, connections: Sequence[Sequence[Arrival | Exception]], container: str = "mpegts"
    ) -> None:
        self._clock = clock
        self._format = SimpleNamespace(name=container)
        self._connections = list(connections)
        self.attempts = 0

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """As ``open_stream``; refuses when no connection is left."""
        self.attempts += 1
        if not self._connections:
            raise UnreachableError("rtsp://host/live cannot be reached: Connection refused")
        arrivals = self._connections.pop(0)
        if arrivals and isinstance(arrivals[0], UnreachableError):
            raise arrivals[0]
        demux = partial(self._demux, arrivals)
        yield SimpleNamespace(demux=lambda _stream: demux(), format=self._format), SimpleNamespace(width=64, height=64)

    def _demux(self, arrivals: Sequence[Arrival | Exception]) -> Iterator["av.Packet[av.VideoStream]"]:
        for each in arrivals:
            if isinstance(each, Exception):
                raise each
            self._clock.now_s, sent = each
            yield sent
        yield cast("av.Packet[av.VideoStream]", av.Packet())  # what PyAV gives at the end


def _watched(
    connections: Sequence[Sequence[Arrival | Exception]], budget_s: float = 60.0, *, has_end: bool = False
) -> tuple[list[PacketItem], FakeCamera]:
    clock = FakeClock()
    camera = FakeCamera(clock, connections)
    backoff = Backoff(budget_s, clock=clock, wait=clock.wait, chance=lambda: 0.0)
    return list(CameraPackets(camera.connect, backoff, has_end=has_end, read_timeout_s=10.0, clock=clock)), camera


def _pictures(arrived_at: float, clock_s: float, count: int = 3) -> list[Arrival | Exception]:
    return [(arrived_at + n / 30, packet(clock_s + n / 30, key=n == 0)) for n in range(count)]


def _kinds(items: Sequence[PacketItem]) -> str:
    """One letter an item: Packet, (connection) Lost, (connection) Restored."""
    return "".join(type(item).__name__.removeprefix("Connection")[0] for item in items)


def test_each_connection_begins_with_a_key_picture() -> None:
    """What a camera sends before it cannot be decoded; it belongs to the gap, and is no damage."""
    late: list[Arrival | Exception] = [(n / 30, packet(n / 30)) for n in range(5)]
    items, _ = _watched([late + _pictures(1.0, 5.0)], has_end=True)
    assert times_s(items) == [0.0, 0.033, 0.067]


def test_an_outage_is_reported_at_once_and_its_length_afterwards() -> None:
    """From the last picture's arrival to the first one's after: 9 seconds less the length of a picture."""
    items, _ = _watched([_pictures(100.0, 7.0), _pictures(109.0 + 2 / 30, 0.0)], budget_s=0.1)
    assert _kinds(items) == "PPPLRPPPL"
    lost, regained = items[3], items[4]
    assert isinstance(lost, ConnectionLost)
    assert isinstance(regained, ConnectionRestored)
    assert (lost.reason, regained.reason) == ("it ended the stream", "it ended the stream")
    assert regained.from_s == pytest.approx(9.0 + 2 / 30)
    assert times_s(items)[3] == round(9.0 + 2 / 30, 3)


def test_a_packet_that_libav_gives_up_late_came_when_it_came() -> None:
    """Where nothing follows, libav holds the last packet back for as long as it waits: that time belongs to the gap."""
    held_back: list[Arrival | Exception] = [*_pictures(100.0, 0.0), (110.0 + 2 / 30, packet(3 / 30))]
    items, _ = _watched([held_back, _pictures(120.0 + 2 / 30, 0.0)], budget_s=1.0)
    assert _kinds(items) == "PPPPLRPPPL"
    assert isinstance(items[4], ConnectionLost)
    assert items[4].reason == "it has sent nothing for too long"
    assert isinstance(items[5], ConnectionRestored)
    assert items[5].from_s == pytest.approx(3 / 30 + 20.0)


def test_each_reason_is_reported_once() -> None:
    """A camera that refuses a hundred times is not told of a hundred times."""
    refused = [[UnreachableError("Connection refused")]] * 20
    broken: list[list[Arrival | Exception]] = [[OSError(0, "Input/output error")]]
    silent = [*_pictures(100.0, 0.0), av.ExitError(0, "")]
    items, camera = _watched([silent, *refused, *broken, *refused, _pictures(5000.0, 0.0)], budget_s=5000.0)
    assert camera.attempts > 42
    assert _kinds(items) == "PPPLRPPPL"
    assert isinstance(items[4], ConnectionRestored)
    assert items[4].reason == ("it has sent nothing for too long; then: Connection refused; then: Input/output error")


def test_a_camera_that_stays_away_is_given_up() -> None:
    """After the budget, and not before; the loss is reported, but no gap, since its end is unknown."""
    items, camera = _watched([_pictures(100.0, 0.0)], budget_s=10.0)
    assert _kinds(items) == "PPPL"
    assert camera.attempts == 1 + 5  # after 0.5, 1.5, 3.5, 7.5 and 10 seconds


def test_nothing_is_reported_before_the_first_picture() -> None:
    """The run's time has not begun: there is no gap in it."""
    items, _ = _watched([[UnreachableError("x")], [], _pictures(200.0, 0.0)], budget_s=20.0)
    assert _kinds(items) == "PPPL"
    assert times_s(items)[0] == 0.0


def test_a_resumed_camera_run_begins_with_a_gap() -> None:
    """It lasts from the last picture of the attempt before, by the monotonic clock; the loss is reported at once."""
    clock = FakeClock()
    camera = FakeCamera(clock, [[UnreachableError("x: Connection refused")], _pictures(107.0, 0.0)])
    since = CameraPosition(last_s=40.0, end_s=40.5, last_at=95.0)
    backoff = Backoff(1.0, clock=clock, wait=clock.wait)
    items = list(CameraPackets(camera.connect, backoff, has_end=True, since=since, clock=clock))
    assert _kinds(items) == "LRPPP"
    lost, regained = items[:2]
    assert isinstance(lost, ConnectionLost)
    assert isinstance(regained, ConnectionRestored)
    assert lost.reason == "the run was interrupted"
    assert regained.reason == "the run was interrupted; then: Connection refused"
    assert regained.from_s == times_s(items)[0] == 40.0 + 12.0


def test_a_clock_that_is_set_over_a_pause_is_a_gap_within_a_connection() -> None:
    """It begins anew at the next key picture."""
    later: list[Arrival | Exception] = [(108.0, packet(3000.0)), *_pictures(108.1, 3000.1)]
    items, _ = _watched([_pictures(100.0, 0.0) + later], has_end=True)
    assert _kinds(items) == "PPPRPPP"
    assert isinstance(items[3], ConnectionRestored)
    assert (items[3].reason, round(items[3].from_s, 3)) == ("its clock was set", 8.1)


def _decoded(clip: Any, story: Callable[[list[Packet]], list[PacketItem]]) -> list[Item]:  # noqa: ANN401 - a path
    source = open_clip(str(clip))
    stage = Decode(source.name, read_facts(source))
    packets_read = [item for item in packets(source) if isinstance(item, Packet)]
    return [out for item in story(packets_read) for out in stage.on_item(item)]


def test_decoding_puts_a_gap_between_the_pictures_around_it(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """It begins where the last picture ends, and ends where the next begins; nothing is damaged."""
    clip = make_clip(tmp_path / "clip.ts", frames=30, key_every=10)

    def story(packets_read: list[Packet]) -> list[PacketItem]:
        start_s = float((packets_read[0].packet.pts or 0) * packets_read[0].packet.time_base)
        late = [Packet(item.packet, item.offset_s + 7.0) for item in packets_read[20:]]
        cut: list[PacketItem] = [ConnectionLost("a"), ConnectionRestored(start_s + 20 / 30 + 7.0, "b")]
        return [*packets_read[:12], *cut, *late]

    out = _decoded(clip, story)
    pictures = [item for item in out if isinstance(item, Picture)]
    lost = next(item for item in out if isinstance(item, SourceLost))
    gap = next(item for item in out if isinstance(item, SourceGap))
    assert len(pictures) == 12 + 10
    assert not [item for item in out if isinstance(item, SourceDamaged)]
    assert (round(lost.t_s, 4), lost.reason) == (0.4, "a")
    assert (round(gap.t_start_s, 4), round(gap.t_end_s, 4), gap.reason) == (0.4, round(20 / 30 + 7.0, 4), "b")
    assert pictures[12].t_s == pytest.approx(gap.t_end_s)
    assert out.index(lost) < out.index(gap) < out.index(pictures[12])


def test_what_was_dropped_is_overload_and_no_damage(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """The stretch from the last picture before to the next key picture."""
    clip = make_clip(tmp_path / "clip.ts", frames=30, key_every=10)

    def story(packets_read: list[Packet]) -> list[PacketItem]:
        start_s = float((packets_read[0].packet.pts or 0) * packets_read[0].packet.time_base)
        return [
            *packets_read[:15],
            PacketsDropped(until_s=start_s + 20 / 30, packets=5, reason="slow"),
            *packets_read[20:],
        ]

    out = _decoded(clip, story)
    assert not [item for item in out if isinstance(item, SourceDamaged)]
    (overload,) = (item for item in out if isinstance(item, StreamOverload))
    assert (round(overload.t_start_s, 4), round(overload.t_end_s, 4)) == (0.5, round(20 / 30, 4))
    assert (overload.packets_dropped, overload.windows_skipped, overload.reason) == (5, 0, "slow")
    assert len([item for item in out if isinstance(item, Picture)]) >= 24


def test_what_is_dropped_before_the_first_picture_has_no_time(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """The line of time begins with the first picture."""
    clip = make_clip(tmp_path / "clip.ts", frames=10)
    out = _decoded(clip, lambda packets_read: [PacketsDropped(until_s=99.0, packets=3, reason="slow"), *packets_read])
    assert [type(item) for item in out] == [Picture] * len(out)


def test_a_real_connection_is_followed(tmp_path: Any) -> None:  # noqa: ANN401 - pytest's path
    """Real packets of a real container, as the camera's: all of them, each with its time of arrival."""
    source = open_clip(str(make_clip(tmp_path / "clip.ts", frames=30)))
    connect: Callable[[], AbstractContextManager[Any]] = lambda: open_stream(source)  # noqa: E731 - the clip as a camera
    items = list(CameraPackets(connect, Backoff(0.0), has_end=True))
    assert times_s(items) == [round(number / 30, 3) for number in range(30)]
    assert all(isinstance(item, Packet) and item.arrived_at is not None for item in items)


def test_pictures_without_times_have_the_time_of_their_arrival() -> None:
    """MJPEG over HTTP has none, and what libav counts says nothing of the camera's rate."""
    clock = FakeClock()
    arrivals = [(100.0 + number / 8, packet(number / 25, key=True)) for number in range(4)]
    camera = FakeCamera(clock, [arrivals], container="mpjpeg")
    packets_ = CameraPackets(camera.connect, Backoff(1.0, wait=lambda _: False), has_end=True, clock=clock)
    times = times_s([each for each in packets_ if isinstance(each, Packet)])
    assert times == pytest.approx([0.0, 0.125, 0.25, 0.375], abs=1e-4)
