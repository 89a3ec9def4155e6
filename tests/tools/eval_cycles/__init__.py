"""How well periods, cycles, cuts and idle stretches are found, on clips of which they are known."""
