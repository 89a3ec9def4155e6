"""What readers of a run directory rely on: events, annotations, manifest, health and the file layout."""
