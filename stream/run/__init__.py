"""One run's life: prepare, start or resume, finish; and the jobs that work on a finished run."""
