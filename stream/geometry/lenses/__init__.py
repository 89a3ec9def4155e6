"""Lens models: one module for each, and the table of them."""
