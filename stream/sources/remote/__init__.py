"""Clips that lie on the hub: found, and read where they are."""
