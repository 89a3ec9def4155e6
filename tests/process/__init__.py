"""Tests that start the real program."""
