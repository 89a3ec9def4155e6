"""Tests in memory."""
