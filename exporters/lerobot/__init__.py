"""What both generations of LeRobot data sets have in common: features, statistics, tasks, language."""
