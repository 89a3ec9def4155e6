"""Where a clip's bytes are: on this disk, in a tar, on the hub; and which clips a word names."""
