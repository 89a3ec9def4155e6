"""One encoder for the chains of several clips: a process that holds it, and a client in each chain."""
