"""From a run directory to other formats. Exporters see only the records on disk."""
