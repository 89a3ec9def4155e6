"""The heartbeat file: when a run counts as healthy, and what it says otherwise."""

from datetime import timedelta
from pathlib import Path

from stream.commands.health import judge
from stream.records.schema.health import OLD_S, Health, now


def test_old_heartbeat_is_none() -> None:
    """A run without a recent heartbeat is unhealthy in any state; a finished one needs no heartbeat."""
    beat = Health(time=now().isoformat(), state="running", decoded_s=1, windows=1)
    later = now() + timedelta(seconds=OLD_S + 10)
    assert beat.problem(now()) is None
    assert "no heartbeat for 40 s" in (beat.problem(later) or "")
    assert beat.model_copy(update={"state": "finished"}).problem(later) is None


def test_health_names_what_a_run_waits_for() -> None:
    """It is well, and yet it says that its camera is away."""
    health = Health(
        time=now().isoformat(), state="running", reason="the source is away: cut", decoded_s=12.0, windows=9
    )
    assert health.problem(now()) is None
    assert health.summary() == "running (the source is away: cut), 12.0 s decoded, 9 windows embedded"


def test_a_container_is_well_before_it_has_a_run(tmp_path: Path) -> None:
    """Before its first run, and with other commands, a main process that lives is enough; older runs do not count."""
    began = now()
    assert judge(tmp_path, began) == (True, f"{tmp_path}: no run has begun since the container started")
    assert judge(tmp_path) == (False, f"{tmp_path}: no run has begun here")
    (tmp_path / "a").mkdir()
    for told_at, well in ((began - timedelta(hours=1), True), (now(), False)):
        health = {"time": told_at.isoformat(), "state": "failed", "reason": "no", "decoded_s": 1, "windows": 1}
        Health.model_validate(health).write(tmp_path / "a" / "health.json")
        assert judge(tmp_path, began)[0] is well
        assert not judge(tmp_path)[0]
