"""The report as a live page: a read-only server for a folder of runs."""
