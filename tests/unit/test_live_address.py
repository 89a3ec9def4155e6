"""Addresses of live sources: what they name, and that no record learns their secrets."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.config import Options, validate
from stream.errors import SourceError, UsageError
from stream.sources.address import FILE, Address, clip_stem_of, redacted, scheme_of, stem_of
from stream.sources.discover import list_clips
from stream.sources.table import OPENERS, open_clip, open_source
from tests.support.clips import clips_named
from tests.support.properties import examples

SECRET = "geheim7"  # noqa: S105 - of nobody


@pytest.mark.parametrize(
    ("spec", "name", "stem"),
    [
        ("rtsp://10.0.0.5/live", "rtsp://10.0.0.5/live", "10.0.0.5_live"),
        ("rtsp://u:geheim7@10.0.0.5:554/a/b/", "rtsp://***@10.0.0.5:554/a/b/", "10.0.0.5_554_a_b"),
        ("rtsp://u:ge/heim7@cam/1", "rtsp://***@cam/1", "cam_1"),
        ("RTSPS://u@cam", "RTSPS://***@cam", "cam"),
        (
            "rtsp://cam/realmonitor?channel=2&subtype=0&pwd=geheim7",
            "rtsp://cam/realmonitor?channel=2&subtype=0&pwd=***",
            "cam_realmonitor_channel_2_subtype_0",
        ),
        (
            "rtsp://cam/user=admin_password=geheim7_channel=1_stream=0.sdp",
            "rtsp://cam/user=***_password=***_channel=1_stream=0.sdp",
            "cam_channel_1_stream_0.sdp",
        ),
        ("https://host:8443/x/clip.ts?token=geheim7", "https://host:8443/x/clip.ts?token=***", "host_8443_x_clip"),
        ("http://host/clip.mkv", "http://host/clip.mkv", "host_clip"),
        ("rtsp://[::1]:554/live", "rtsp://[::1]:554/live", "1_554_live"),
        ("-", "-", "stdin"),
        ("/dev/video0", "/dev/video0", "video0"),
    ],
)
def test_an_address_has_a_name_and_a_stem_without_secrets(spec: str, name: str, stem: str) -> None:
    """User, password and all values but harmless ones are taken out; host, path and channel stay."""
    address = Address(spec)
    assert address.scheme in OPENERS
    assert (address.name, address.stem) == (name, stem)
    assert SECRET not in repr(address)


@examples()
@given(st.text(st.characters(codec="utf-8", exclude_characters="@"), min_size=4), st.text(min_size=4))
def test_no_password_is_printed(user: str, password: str) -> None:
    """Whatever stands before the last @ is neither in the name nor in the stem."""
    for text in (redacted(f"rtsp://{user}:{password}@h/l"), stem_of(f"rtsp://{user}:{password}@h/l")):
        assert text in ("rtsp://***@h/l", "h_l")


def test_a_long_address_gives_a_short_stem() -> None:
    """The stem is the name of a folder and of files: it is cut, and differs where the addresses differ."""
    one, other = (stem_of(f"https://host/{'x' * 300}{end}") for end in "ab")
    assert one != other
    assert len(one) <= 80


@pytest.mark.parametrize("spec", ["clip.mp4", "part.tar::clip.mp4", "dir/", "/dev/null"])
def test_files_are_not_addresses(spec: str) -> None:
    """Everything without a scheme is a path."""
    assert scheme_of(spec) == FILE


def test_an_address_of_another_kind_is_refused_without_its_secrets() -> None:
    """The sentence names the schemes that can be read."""
    with pytest.raises(SourceError, match=r"rtmp://\*\*\*@host/x has an unknown scheme: expected .*rtsp://") as raised:
        open_source("rtmp://u:geheim7@host/x")
    assert SECRET not in str(raised.value)


def test_commands_for_clips_refuse_a_live_source() -> None:
    """The sentence says which commands take it, and not its password."""
    with pytest.raises(UsageError, match=r"rtsp://\*\*\*@host/x is a live source, and this command reads clips"):
        open_clip("rtsp://u:geheim7@host/x")


def test_two_cameras_of_one_path_are_two_runs() -> None:
    """The host is part of the stem; the same camera twice is refused, without its password."""
    cameras = ["rtsp://u:geheim7@one/live", "rtsp://u:geheim7@two/live"]
    assert clips_named(cameras) == cameras
    with pytest.raises(UsageError, match="would both be written as 'one_live'") as raised:
        clips_named([cameras[0], cameras[0]])
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("spec", "stem"),
    [
        ("https://host:8443/x/clip.ts?token=geheim7", "clip"),
        ("http://u:geheim7@host/my%20clip.mp4", "my clip"),
        ("http://host/s?x=1", "s"),
        ("http://host/a.b.mp4#t=1", "a.b"),
        ("http://host/?v=1", "host"),
        ("http://host", "host"),
        ("http://host/..", "host"),
        ("http://host/a%2F..%2Fclip.mp4", "clip"),
        ("http://host/a%0Ab.mp4", "host_a_0Ab"),
        (f"http://host/{'x' * 300}.mp4", stem_of(f"http://host/{'x' * 300}.mp4")),
        ("http://cam/user=admin_password=geheim7_channel=1.mp4", "cam_channel_1"),
    ],
)
def test_a_clip_on_a_server_is_named_as_a_local_one(spec: str, stem: str) -> None:
    """By its file; by host and path where that would be no name, or would show a secret."""
    assert clip_stem_of(spec) == stem
    assert SECRET not in stem


def test_two_clips_of_one_name_on_servers_are_refused() -> None:
    """As two local ones are. Addresses of cameras differ by their host, unless results may be lost."""
    for other in ("http://two/b/clip.mp4?x=1", "https://one/clip.mkv", "elsewhere/clip.mp4"):
        with pytest.raises(UsageError, match="would both be written as 'clip'"):
            list_clips(["http://one/a/clip.mp4", other])
    cameras = ["http://one/video", "http://two/video"]
    assert clips_named(cameras) == cameras
    with pytest.raises(UsageError, match="would both be written as 'video'"):
        list_clips(cameras, overwrite=True)


def test_options_for_the_record_hold_no_secret(tmp_path: Path) -> None:
    """``run.json`` and the comparison with an earlier run see the redacted address; the chain sees the real one."""
    options = Options(source="rtsp://u:geheim7@host/x?key=geheim7").replace({"output.folder": tmp_path})
    assert SECRET not in str(options.recorded()) + str(options.identity())
    assert SECRET in options.model_dump_json()


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_times_of_live_options_are_bounded(value: float) -> None:
    """The option is named as on the command line."""
    with pytest.raises(UsageError, match=r"--max-lag-s .*: must be .*at least 0\.001 and at most 86400"):
        validate({"source": "rtsp://h/l", "live": {"max_lag_s": value}})
