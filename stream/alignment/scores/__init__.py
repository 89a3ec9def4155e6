"""How near aligned pictures are to those of the real robot camera."""
