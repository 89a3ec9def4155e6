"""Tests in memory: no process is started."""
