"""GPU memory: what is there, what models need, and how running out of it is recognised."""
