"""From a clip's windows to the numbers that figures show: the detectors over what is on disk."""
