"""The user interface: views of a run, progress of long jobs, messages and errors."""
