"""Models that describe segments: the contract, the table, and an implementation in each folder."""
