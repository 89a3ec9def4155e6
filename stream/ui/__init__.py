"""What a person sees: views of a run, progress of long jobs, messages and errors."""
