"""Clips, servers, models and other doubles that tests share."""
