"""Benchmarks: every figure the project quotes comes from here."""
