"""Evaluation of predicted anomalous segments: metrics, a random control, and readers of the accepted file formats."""
