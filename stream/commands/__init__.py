"""One module a command of the ``egoclean-stream`` program."""
