"""Whole chains in this process, by the inline engine: no socket, no child."""
