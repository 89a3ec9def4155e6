"""Calibrating a lens from pictures of a chessboard."""
