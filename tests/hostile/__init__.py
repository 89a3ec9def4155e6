"""Tests with damaged and hostile input."""
