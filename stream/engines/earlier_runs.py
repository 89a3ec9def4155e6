"""The runs of a batch so far, by the folder or tar of their clips: what ``--warm-start previous`` chooses from."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from stream.config import Options
from stream.engines.batch import Outcome
from stream.engines.clip import ClipRunner
from stream.sources.batch_options import PREVIOUS
from stream.sources.member import SEPARATOR
from stream.ui.view import View


def place_of(clip: str) -> str:
    """The folder or tar that a clip is in: the clips there are taken to be of one worker, unless sidecars disagree."""
    tar, mark, _ = clip.rpartition(SEPARATOR)
    return tar if mark else clip.rpartition("/")[0]


class EarlierRuns:
    """Collects run directories in the order in which their clips end."""

    def __init__(self) -> None:
        self._by_place: dict[str, list[Path]] = defaultdict(list)

    def add(self, outcome: Outcome) -> None:
        """Add the run of a clip that has ended."""
        if outcome.run_dir is not None:
            self._by_place[place_of(outcome.clip)].append(outcome.run_dir)

    def options_for(self, clip: str, options: Options) -> Options:
        """The options of a clip: they name the earlier runs of its place."""
        if options.clips.warm_start != PREVIOUS:
            return options
        return options.replace({"resolved.earlier_runs": tuple(self._by_place[place_of(clip)])})


class RunInTurn:
    """Runs the clips of a batch, one after the other."""

    def __init__(self, options: Options, view: Callable[[str], View]) -> None:
        """``view`` makes a view of a run from its name."""
        self._options = options
        self._view = view
        self._clips = ClipRunner(options)
        self._earlier = EarlierRuns()

    def __call__(self, clip: str) -> Outcome:
        """Run one clip, as ``ClipRunner.run``."""
        outcome = self._clips.run(clip, self._earlier.options_for(clip, self._options), self._view)
        self._earlier.add(outcome)
        return outcome

    def close(self) -> None:
        """End the processes and release the models."""
        self._clips.close()
