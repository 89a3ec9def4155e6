"""What the live page costs over many finished runs: ``python -m tests.tools.bench_serve --runs 300 --segments 20``.

The runs are synthetic, most of their segments described. CPU is that of the server; the page is fetched by no browser.
"""

import contextlib
import socket
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

import click
import psutil

from tests.support.report_runs import ReportRun, make_report_run

MEMORY_MIB_MAX, REST_CPU_MAX = 512.0, 0.1
_REST_S = 20.0
_LOOK_S = 5.0
"""Between two looks at the page, whose rendering takes CPU time, too."""
_DEADLINE_S = 600.0


@click.command()
@click.option("--runs", default=300, show_default=True)
@click.option("--segments", default=20, show_default=True, help="Of each run, of six seconds.")
def main(runs: int, segments: int) -> None:
    """Serve a folder of runs; exit 1 if a limit is not held."""
    with TemporaryDirectory() as made:
        for number in range(runs):
            make_report_run(Path(made), ReportRun(name=f"clip{number:04d}", segments=segments))
        port = free_port()
        command = [sys.executable, "-m", "stream.cli", "serve", made, "--port", str(port)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
            try:
                held = measure(psutil.Process(server.pid), f"http://127.0.0.1:{port}/", runs)
            finally:
                server.terminate()
    sys.exit(0 if held else 1)


def measure(server: psutil.Process, address: str, runs: int) -> bool:
    """Print the figures of a server that has just been started; whether the limits are held."""
    began = time.monotonic()
    page = fetch(address)
    click.echo(f"first page       {time.monotonic() - began:>7.1f} s, {cpu_s(server):.1f} s of CPU, start included")
    while page.count(b'"key"') < runs:
        time.sleep(_LOOK_S)
        page = fetch(address)
    click.echo(f"all {runs} runs     {time.monotonic() - began:>7.1f} s, {cpu_s(server):.1f} s of CPU")
    before = cpu_s(server)
    page = fetch(address)
    click.echo(f"page             {len(page) / 1e6:>7.1f} MB, {cpu_s(server) - before:.2f} s of CPU")
    memory_mib = server.memory_info().rss / 2**20
    click.echo(f"memory           {memory_mib:>7.0f} MiB (limit {MEMORY_MIB_MAX:g})")
    before = cpu_s(server)
    time.sleep(_REST_S)
    rest = (cpu_s(server) - before) / _REST_S
    click.echo(f"CPU at rest      {100 * rest:>7.1f} % of a core (limit {100 * REST_CPU_MAX:g})")
    return memory_mib <= MEMORY_MIB_MAX and rest <= REST_CPU_MAX


def fetch(address: str) -> bytes:
    """The page, as soon as the server answers."""
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urlopen(address, timeout=60) as answer:  # noqa: S310 - our own server
            return bytes(answer.read())
        time.sleep(0.2)
    raise TimeoutError(f"{address} does not answer")


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds that it has used."""
    used = process.cpu_times()
    return float(used.user + used.system)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
