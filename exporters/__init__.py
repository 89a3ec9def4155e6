"""From a run directory to what others read. Sees nothing of the chain but the records on disk."""
