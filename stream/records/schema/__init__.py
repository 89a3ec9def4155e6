"""The format of a run directory, on which readers rely: events, annotations, manifest, health, file layout."""
