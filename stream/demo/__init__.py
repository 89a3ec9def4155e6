"""A procedural fisheye clip of a worker at a bench, for trying the chain with nothing at hand."""
