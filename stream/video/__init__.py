"""Reading and writing video: containers, packets, decoders and the time line of pictures."""
