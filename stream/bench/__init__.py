"""Benchmarks of the chain on the machine of a user."""
