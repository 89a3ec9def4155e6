"""A procedural fisheye clip of a worker at a bench, to try the chain without any data."""
