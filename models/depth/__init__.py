"""Depth of pictures: a one-method protocol, and the models behind it."""
