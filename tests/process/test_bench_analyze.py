"""The bench of ``analyze`` measures the real command."""

import os

from click.testing import CliRunner

from tests.tools.bench_analyze import main


def test_bench_reports_what_the_command_used() -> None:
    """A minute and a half of windows is made, analyzed and reported; this process keeps its own cores."""
    cores = os.sched_getaffinity(0)
    result = CliRunner().invoke(main, ["--hours", "0.025"], catch_exceptions=False)
    lines = dict(line.split(maxsplit=1) for line in result.output.replace("on disk", "disk").splitlines())
    assert lines["windows"] == "90"
    assert lines["disk"] == "6 MiB"
    assert lines["wall"].endswith("s, one core")
    assert os.sched_getaffinity(0) == cores
