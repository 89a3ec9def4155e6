"""The chain: from a fisheye H.265 source to durable, live records."""
