"""The contract of a stage, the items that travel between stages, and pipelines of stages."""
