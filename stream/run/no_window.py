"""Says why a run has no window, so that nothing in it could be judged."""

from stream.video.sampling import Sampling


def no_window_reason(sampling: Sampling, frames: int, decoded_s: float) -> str:
    """One sentence for a run without a window.

    Args:
        sampling: Of the run's windows.
        frames: Number of frames decoded.
        decoded_s: Length of the decoded time, seconds.
    """
    window = f"--window {sampling}"
    if not sampling.lacks_windows(0, decoded_s):
        what = f"{decoded_s:.1f} s are too short for {window}, which takes {sampling.duration_s:.1f} s"
    elif frames < decoded_s / sampling.hole_s:
        what = (
            f"the source has {frames / decoded_s:.2g} frames per second, and {window} needs {1 / sampling.hole_s:.2g}"
        )
    else:
        what = f"no {sampling.duration_s:.1f} s, which {window} takes, are without a hole of {sampling.hole_s:.1f} s"
    return f"no window was made, so all segments are of unknown kind: {what}"
