"""Tests of the documents, the container's files and the import rule."""
