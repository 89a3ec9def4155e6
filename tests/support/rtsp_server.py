"""A small real camera: RTSP 1.0 (RFC 2326) over interleaved TCP, HEVC in RTP (RFC 7798), and faults of real ones."""

import base64
import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

import av

_CLOCK_HZ = 90_000
_RTP_BYTES = 1400
_FRAGMENTED = 49
_VPS, _SPS, _PPS = 32, 33, 34
_DEADLINE_S = 30.0

_HEADERS = {
    "OPTIONS": ("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN",),
    "DESCRIBE": ("Content-Type: application/sdp",),
    "SETUP": ("Transport: RTP/AVP/TCP;unicast;interleaved=0-1", "Session: 1;timeout=60"),
    "PLAY": ("Session: 1", "Range: npt=now-"),
}

Then = Literal["cut", "hang"]


@dataclass(frozen=True)
class AccessUnit:
    """One access unit: a picture and what goes before it."""

    nals: tuple[bytes, ...]
    t_s: float
    is_key: bool


@dataclass(frozen=True)
class PlaySession:
    """The packets and the end of one PLAY."""

    units: Sequence[AccessUnit]
    then: Then = "cut"
    """``cut`` closes the connection in mid-stream; ``hang`` keeps it and sends nothing more."""


def units_of(clip: Path, *, fps: int = 30) -> list[AccessUnit]:
    """The access units of an HEVC clip in Annex B, or in MPEG-TS, each with its time; without B-frames."""
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
        return [
            AccessUnit(tuple(_nals(bytes(packet))), number / fps, packet.is_keyframe)
            for number, packet in enumerate(packets)
        ]


class RtspServer:
    """Serves ``sessions`` to one client after the other; when none is left, connections are closed at once.

    Units are sent ``speed`` times as fast as they were filmed.
    """

    def __init__(
        self,
        sessions: Sequence[PlaySession],
        *,
        speed: float = 10.0,
        credentials: str | None = None,
        answers: bool = True,
    ) -> None:
        """``credentials`` are ``user:password``; without ``answers`` requests are read and nothing is said."""
        self._sessions = list(sessions)
        self._speed = speed
        self._answers = answers
        self._authorization = None
        if credentials is not None:
            self._authorization = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        self._closing = threading.Event()
        self._open: list[socket.socket] = []
        self.pause_after: int | None = None
        """Sessions after which connections are closed at once, until it is None again."""
        self._played = 0
        self.connected = threading.Event()
        """A client has sent a request."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def url(self, path: str = "live", user: str = "") -> str:
        return f"rtsp://{user}127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(_DEADLINE_S)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            with connection:
                connection.settimeout(_DEADLINE_S)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with contextlib.suppress(OSError):
                    self._serve(connection)
            self._open.remove(connection)

    def _serve(self, connection: socket.socket) -> None:
        pauses = self.pause_after is not None and self._played >= self.pause_after
        for request in _requests(connection) if self._sessions and not pauses else ():
            self.connected.set()
            if not self._answers:
                continue
            method, sequence = request[0].split(" ")[0], next(line for line in request if line.startswith("CSeq"))
            if self._authorization and f"Authorization: {self._authorization}" not in request:
                _answer(connection, "401 Unauthorized", sequence, 'WWW-Authenticate: Basic realm="camera"')
            elif method == "TEARDOWN":
                return
            else:
                _answer(connection, "200 OK", sequence, *_HEADERS.get(method, ()), body=self._body(method))
            if method == "PLAY" and self._play(connection) == "cut":
                return

    def _body(self, method: str) -> bytes:
        return _sdp(self._sessions[0].units) if method == "DESCRIBE" else b""

    def _play(self, connection: socket.socket) -> Then:
        session = self._sessions.pop(0)
        self._played += 1
        sender = _Sender(connection)
        for before, unit in zip([session.units[0], *session.units], session.units, strict=False):
            self._closing.wait((unit.t_s - before.t_s) / self._speed)
            sender.send(unit)
        return session.then


class _Sender:
    """RTP packets of one stream, as RFC 7798 cuts access units into them."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._sequence = (1 << 16) - 20  # it wraps soon, as does the clock
        self._first_tick = (1 << 32) - _CLOCK_HZ

    def send(self, unit: AccessUnit) -> None:
        payloads = [payload for nal in unit.nals for payload in _payloads(nal)]
        timestamp = (round(unit.t_s * _CLOCK_HZ) + self._first_tick) & 0xFFFFFFFF
        for number, payload in enumerate(payloads):
            marker = 0x80 if number == len(payloads) - 1 else 0
            head = bytes([0x80, marker | 96]) + self._sequence.to_bytes(2, "big") + timestamp.to_bytes(4, "big")
            rtp = head + b"EGOC" + payload
            self._connection.sendall(b"$\0" + len(rtp).to_bytes(2, "big") + rtp)
            self._sequence = (self._sequence + 1) & 0xFFFF


def _payloads(nal: bytes) -> Iterator[bytes]:
    """The NAL unit itself, or its fragments (RFC 7798, 4.4.3)."""
    if len(nal) <= _RTP_BYTES:
        yield nal
        return
    kind = nal[0] >> 1 & 0x3F
    head = bytes([nal[0] & 0x81 | _FRAGMENTED << 1, nal[1]])
    parts = [nal[at : at + _RTP_BYTES] for at in range(2, len(nal), _RTP_BYTES)]
    for number, part in enumerate(parts):
        edge = 0x80 if number == 0 else 0x40 if number == len(parts) - 1 else 0
        yield head + bytes([edge | kind]) + part


def _nals(annex_b: bytes) -> Iterator[bytes]:
    for part in annex_b.split(b"\0\0\1")[1:]:
        yield part.rstrip(b"\0")


def _sdp(units: Sequence[AccessUnit]) -> bytes:
    sets = {nal[0] >> 1 & 0x3F: base64.b64encode(nal).decode() for nal in units[0].nals}
    names = {"vps": _VPS, "sps": _SPS, "pps": _PPS}
    sprop = ";".join(f"sprop-{name}={sets[kind]}" for name, kind in names.items() if kind in sets)
    lines = [
        "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "t=0 0", "a=control:*", "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H265/90000", "a=framerate:30", f"a=fmtp:96 {sprop}", "a=control:trackID=0", "",
    ]  # fmt: skip
    return "\r\n".join(lines).encode()


def _requests(connection: socket.socket) -> Iterator[list[str]]:
    """The requests of a client, each as its lines; interleaved RTCP of its is left out."""
    data = b""
    while True:
        while data[:1] == b"$" and len(data) >= 4 + int.from_bytes(data[2:4], "big"):
            data = data[4 + int.from_bytes(data[2:4], "big") :]
        if data[:1] != b"$" and b"\r\n\r\n" in data:
            request, _, data = data.partition(b"\r\n\r\n")
            yield request.decode().split("\r\n")
            continue
        received = connection.recv(65536)
        if not received:
            return
        data += received


def _answer(connection: socket.socket, status: str, *headers: str, body: bytes = b"") -> None:
    lines = [f"RTSP/1.0 {status}", *headers, f"Content-Length: {len(body)}", "", ""]
    connection.sendall("\r\n".join(lines).encode() + body)
