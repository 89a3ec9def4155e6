"""What the services of models have in common: their processes, and the connections of their clients."""
