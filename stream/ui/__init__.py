"""What people see: the console, progress, messages and errors."""
