"""Sources that are read while they are made: cameras, streams, growing files."""
