"""When does work stop being the usual work: pure functions and one causal detector."""
