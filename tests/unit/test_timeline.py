"""Where pictures and damage stand on the line of time."""

import pytest

from stream.pipeline.facts import SourceDamaged
from stream.video.timeline import TimeLine


def _place(line: TimeLine, clock_s: float, duration_s: float = 1.0) -> tuple[float, tuple[SourceDamaged, ...]]:
    place = line.place(clock_s, duration_s)
    return place.t_s, place.damage_before


def test_the_first_picture_is_at_zero() -> None:
    """Wherever the packets' clock stands, time begins with the first picture, and a loss before it has no length."""
    line = TimeLine(1.0)
    line.lose(99.0, 3, "lost")
    assert _place(line, 100.0) == (0.0, (SourceDamaged(0.0, 0.0, "lost", 3),))
    assert _place(line, 101.5) == (1.5, ())


def test_damage_fills_the_gap_between_two_pictures() -> None:
    """Losses in one gap are one damage, with every reason once and all packets."""
    line = TimeLine(1.0)
    _place(line, 0.0)
    for number, reason in enumerate(("broken", "missing", "broken")):
        line.lose(2.0 + number, 1, reason)
    assert _place(line, 6.0) == (6.0, (SourceDamaged(1.0, 6.0, "broken; missing", 3),))
    assert line.packets_lost == 3


def test_damage_ends_where_the_next_picture_begins() -> None:
    """A picture that comes before its predecessor's end leaves a damage of no length between the two."""
    line = TimeLine(1.0)
    _place(line, 0.0, duration_s=5.0)
    line.lose(3.0, 1, "lost")
    assert _place(line, 4.0) == (4.0, (SourceDamaged(4.0, 4.0, "lost", 1),))


def test_damage_at_the_end_lasts_as_long_as_what_was_lost() -> None:
    """With no picture behind it, the latest end of the lost packets is the line's end, and never before its start."""
    line = TimeLine(1.0)
    _place(line, 0.0)
    line.lose(7.0, 1, "lost")
    line.lose(5.0, 1, "lost")
    assert list(line.close()) == [SourceDamaged(1.0, 7.0, "lost", 2)]
    assert line.end_s == 7.0
    line.lose(2.0, 1, "lost")
    assert list(line.close()) == [SourceDamaged(7.0, 7.0, "lost", 1)]
    assert list(line.close()) == []


def test_a_restored_time_line_continues_even_within_damage() -> None:
    """After restoring, the next picture stands where it would have, behind the damage that was not given yet."""
    line, again = TimeLine(1.0), TimeLine(1.0)
    for clock_s in (10.0, 11.0):
        _place(line, clock_s)
    line.lose(13.0, 2, "lost")
    again.restore(line.snapshot())
    assert _place(again, 13.5) == _place(line, 13.5) == (3.5, (SourceDamaged(2.0, 3.5, "lost", 2),))
    assert (again.pictures, again.packets_lost, again.end_s) == (3, 2, 4.5)


@pytest.mark.parametrize("duration_s", [0.1, 4.0])
def test_a_hole_is_damage_of_no_packets(duration_s: float) -> None:
    """From where a picture of the clip's rate ends, however far a muxer has stretched the one before the hole."""
    line = TimeLine(0.1)
    _place(line, 0.0, duration_s)
    assert _place(line, 1.0, duration_s) == (1.0, ())
    assert _place(line, 3.5) == (3.5, (SourceDamaged(1.1, 3.5, "no packet for 2.4 s", 0),))
    assert (line.damages, line.packets_lost) == (1, 0)


def test_a_hole_before_a_loss_is_one_damage_with_it() -> None:
    """What came and was lost behind a hole does not hide it, also where no picture follows."""
    line = TimeLine(0.1)
    _place(line, 0.0, 4.0)
    line.lose(4.1, 1, "lost")
    assert list(line.close()) == [SourceDamaged(0.1, 4.1, "no packet for 3.9 s; lost", 1)]


def test_reported_damage_is_not_a_hole() -> None:
    """Neither a gap in which a camera was away, nor what an earlier attempt has told."""
    line = TimeLine(0.1)
    _place(line, 0.0, 0.1)
    assert line.skip(5.0) == (0.1, 5.0)
    assert _place(line, 5.0, 0.1) == (5.0, ())
    line.advance(9.0)
    assert _place(line, 9.5, 0.1) == (9.5, ())


@pytest.mark.parametrize("clock_s", [None, 10.0])
def test_a_picture_without_a_time_follows_its_predecessor(clock_s: float | None) -> None:
    """Without a time of its own a picture stands where the one before ends, the first at 0."""
    line = TimeLine(1.0)
    places = [line.place(clock_s, 0.4), line.place(None, 0.4)]
    assert [place.t_s for place in places] == [0.0, 0.4]
