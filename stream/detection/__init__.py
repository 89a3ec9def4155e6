"""Detects when work stops being the usual work: pure functions and one causal detector."""
