"""V-JEPA 2 (arXiv:2506.09985), run by transformers and torch."""
