"""What runs on the GPU, behind one-method protocols. Knows nothing of streams."""
