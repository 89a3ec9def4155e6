"""Any OpenAI-compatible server, through the client of that name."""
