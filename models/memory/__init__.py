"""GPU memory: how much there is, how it is shared out, and how running out of it is recognised."""
