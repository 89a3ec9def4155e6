"""Encoders and annotators behind small protocols. They know nothing about streams."""
