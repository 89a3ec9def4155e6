"""The alignment of one episode of a call, and its outcome in words."""

from pydantic import BaseModel, ConfigDict

from stream.alignment.episode import AlignedEpisode, listed
from stream.alignment.models import AlignModels
from stream.alignment.options import AlignOptions
from stream.errors import ExitCode, NoRoomError, exit_code_of, sentence_of
from stream.run.align import OnProgress, align_place
from stream.run.align_source import EpisodePlace
from stream.ui.text import count


class EpisodeOutcome(BaseModel):
    """The outcome of one episode."""

    model_config = ConfigDict(frozen=True)

    code: int
    """The exit code that it would have alone."""
    message: str


def align_episode_at(
    place: EpisodePlace, options: AlignOptions, models: AlignModels, progress: OnProgress
) -> EpisodeOutcome:
    """Align one episode.

    Raises:
        EgocleanError: see ``stream.run.align.align_place``.
        NoRoomError: the disk is full.
    """
    try:
        done = align_place(place, options, models, progress)
    except OSError as error:
        if exit_code_of(error) != ExitCode.NO_ROOM:
            raise
        folder = options.output_dir
        raise NoRoomError(f"no room left on the disk of {folder}: free some, then repeat the command") from error
    code = ExitCode.PARTIAL if done.record.failed_frames else ExitCode.DONE
    return EpisodeOutcome(code=code, message=_summary(done))


def outcome_of(error: BaseException) -> EpisodeOutcome:
    """The outcome of an episode at which an error was raised."""
    return EpisodeOutcome(code=exit_code_of(error), message=sentence_of(error))


def _summary(done: AlignedEpisode) -> str:
    record, where = done.record, done.output.pictures
    if done.already_written:
        return f"nothing to do: {where} exists already, from this episode and with these options"
    shares = (
        f"{record.real_share:.1%} real, {record.borrowed_share:.1%} borrowed, {record.generated_share:.1%} generated"
    )
    parts = [f"{count(record.frames, 'frame')} to {where}", shares]
    if record.depth.unit == "relative":
        parts.append("its depth is relative, so distances count in the model's own unit (see --depth-scale)")
    if record.failed_frames:
        first = record.failed_frames[0]
        parts.append(f"failed: {listed([each.index for each in record.failed_frames])} ({first.problem})")
    if record.flagged_frames:
        became = "dropped" if record.dropped_frames else "flagged"
        parts.append(f"{became}, because what is protected is lost: {listed(record.flagged_frames)}")
    return "; ".join(parts)
