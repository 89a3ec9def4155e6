"""One annotator for the chains of several clips: a process that holds it, and a client in each chain."""
