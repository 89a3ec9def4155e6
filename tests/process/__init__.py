"""Tests that start the real program, and those of developer tools and exports that take seconds each."""
