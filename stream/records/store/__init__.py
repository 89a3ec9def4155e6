"""How a run directory is written: durable, atomic, by one writer."""
