"""Several clips at once: a process for each, and the encoder that they share."""
