"""How good are predicted anomalous segments: pure metrics, a random control, and readers of what both sides may be."""
