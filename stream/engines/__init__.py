"""Engines run chains; a batch runs one clip after another, or several at a time."""
