"""How well the causal detector does on work that it never saw: staged cases from real recordings."""
