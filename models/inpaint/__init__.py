"""Inpainting of holes in pictures: a one-method protocol, and the models behind it."""
