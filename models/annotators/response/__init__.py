"""The schema of a model's answers, and their parsing."""
