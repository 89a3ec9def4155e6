"""One encoder for the chains of several clips: a process that holds it, and what stands for it in each chain."""
