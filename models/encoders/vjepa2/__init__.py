"""V-JEPA 2, through transformers and torch."""
