"""Writes run directories: durable, atomic, with one writer."""
