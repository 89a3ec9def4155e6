"""The heartbeat file: when a run counts as healthy, and what it says otherwise."""

import subprocess
import sys
from datetime import timedelta

from stream.records.schema.health import OLD_S, Health, now


def test_old_heartbeat_is_none() -> None:
    """A run that was last heard a while ago is not well, whatever it said; a finished one need not repeat it."""
    beat = Health(time=now().isoformat(), state="running", decoded_s=1, windows=1)
    later = now() + timedelta(seconds=OLD_S + 10)
    assert beat.problem(now()) is None
    assert "no heartbeat for 40 s" in (beat.problem(later) or "")
    assert beat.model_copy(update={"state": "finished"}).problem(later) is None


def test_health_is_light() -> None:
    """`health` imports nothing that decodes, computes or talks to a network."""
    program = (
        "import sys, stream.cli, stream.commands.health;"
        "print(sorted({'torch', 'av', 'cv2', 'numpy', 'zmq', 'prometheus_client', 'rich'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_health_says_what_a_run_waits_for() -> None:
    """It is well, and yet it says that its camera is away."""
    health = Health(
        time=now().isoformat(), state="running", reason="the source is away: cut", decoded_s=12.0, windows=9
    )
    assert health.problem(now()) is None
    assert health.summary() == "running (the source is away: cut), 12.0 s decoded, 9 windows embedded"
