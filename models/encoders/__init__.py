"""Models that embed windows of frames: the contract, the table, and the implementations."""
