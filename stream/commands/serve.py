"""``egoclean-stream serve RUNS``: the report as a live page."""

import socket
from ipaddress import ip_address
from pathlib import Path
from threading import Event
from typing import Final

import click

from stream.commands.command import BY_SIGNAL, command
from stream.commands.option import own_option
from stream.commands.values import PathName, Whole
from stream.errors import ExitCode, InputError, UsageError
from stream.records.schema.layout import RUNS
from stream.ui.standard_streams import echo

_PATH = PathName()
_TOKEN_LENGTH: Final = 16
_EXAMPLES = (
    ("The runs in runs/, at http://127.0.0.1:8800/", "serve"),
    ("For other machines; the address that is printed has a token", "serve runs --host 0.0.0.0"),
    ("With the videos that `report --out report.html --video` wrote", "serve runs --videos report_videos"),
)


@command(
    examples=_EXAMPLES,
    exit_codes=(ExitCode.DONE, ExitCode.USAGE, ExitCode.INPUT, ExitCode.INTERNAL, *BY_SIGNAL),
    never_waits=True,
)
@click.argument("runs", type=_PATH, default=RUNS, envvar="EGOCLEAN_OUT")
@own_option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@own_option("--port", type=Whole(0, 65535), default=8800, show_default=True, help="Port; 0 takes any free one.")
@own_option("--videos", type=_PATH, show_default="RUNS/report_videos", help="Folder that `report --video` wrote.")
@own_option(
    "--token", help="Secret that the address must have.  [default: a new one, unless only this machine can ask]"
)
def serve(runs: Path, *, host: str, port: int, videos: Path | None, token: str | None) -> None:
    """Show runs as a live page.

    RUNS is a folder of run directories, or one of them; like its runs, it may appear later. The page is that of
    `report`: runs appear and segments arrive while their clips play. The server only reads, and only in RUNS. It ends
    with Ctrl-C.
    [default: runs, or EGOCLEAN_OUT]
    """
    from exporters.report.live.access import Access, is_token, new_token
    from exporters.report.live.runs import WatchedRuns
    from exporters.report.live.server import LiveServer

    if runs.exists() and not runs.is_dir():
        raise InputError(f"{runs} is not a folder: expected a folder of run directories, or one of them")
    if token is not None and len(token) < _TOKEN_LENGTH:
        raise UsageError(f"--token has {len(token)} characters: it must have at least {_TOKEN_LENGTH}")
    if token is not None and not is_token(token):
        raise UsageError("--token may have letters of ASCII, digits, and . _ ~ - only: it stands in an address")
    is_local = _is_loopback(host)
    access = Access(is_local, token or ("" if is_local else new_token()))
    watched = WatchedRuns(runs, videos or runs / "report_videos")
    server = LiveServer(host, port, watched, access, runs.resolve().name)
    echo(f"{server.address}{f'?token={access.token}' if access.token else ''}")
    if not runs.exists():
        echo(f"waiting for runs in {runs}, which does not exist yet", err=True)
    try:
        Event().wait()
    finally:
        server.close()


def _is_loopback(host: str) -> bool:
    """Whether every address of a host is of this machine only."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None)}
    except OSError as error:
        raise UsageError(f"--host {host} has no address ({error.strerror})") from error
    return all(ip_address(address.partition("%")[0]).is_loopback for address in found)
