"""The budget of restarts."""

from stream.errors import StageFailedError
from stream.runtime.chain_run import FURTHER_S, Restarts


def killed(code: int = 70) -> StageFailedError:
    """A process that a signal has ended."""
    return StageFailedError("killed", code, "encode", transient=True)


def test_budget_is_for_deaths_at_one_place() -> None:
    """So many deaths within half a minute of stream and no more; whoever comes further has the whole budget again."""
    restarts = Restarts(3)
    assert [restarts.allow(killed(), t_s) for t_s in (50.0, 51.0, 79.9, 79.9)] == [True, True, True, False]
    restarts = Restarts(1)
    months = [number * FURTHER_S for number in range(100)]
    assert all(restarts.allow(killed(), t_s) for t_s in months)
    assert not Restarts(0).allow(killed(), 1e6)
