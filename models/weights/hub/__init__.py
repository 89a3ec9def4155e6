"""Weights from the Hugging Face hub, and the hub's own cache."""
