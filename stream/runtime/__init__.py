"""Processes: the table of them, the worker around a stage, the supervisor, and what connects them."""
