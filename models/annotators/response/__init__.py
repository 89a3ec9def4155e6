"""What a model may answer, and what is made of it."""
