"""The formats in which a data set is written: one module each, with one function."""
