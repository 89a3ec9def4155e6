"""A data set of episodes, made from runs: which episodes there are, their clips, and their words."""
