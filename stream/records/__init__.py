"""The run directory: what is in it, how it is written, how it is read."""
