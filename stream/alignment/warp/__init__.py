"""The warp of a picture into another camera, by its depth."""
