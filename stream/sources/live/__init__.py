"""Sources that are read while they are produced: cameras, streams, growing files."""
