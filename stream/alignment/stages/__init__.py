"""The stages of view alignment, in order: depth, warp, fill, spool."""
