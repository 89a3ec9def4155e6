"""Sources of video: files, members of tars, remote storage and live sources; and which clips an argument names."""
