"""Reading video: where the bytes are, what is in the container, what the lens did."""
