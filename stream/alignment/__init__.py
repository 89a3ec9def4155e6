"""The view of a robot's camera, from the pictures of a person's head camera: depth, pose, warp, fill, provenance."""
