"""The report: runs as one HTML page that people look at, as a file or served live."""
