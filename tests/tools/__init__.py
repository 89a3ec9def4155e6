"""Development tools: benchmarks, fuzzers, soaks. Not part of the wheel."""
