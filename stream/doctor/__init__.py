"""What would keep a run from ending well, found before it begins."""
