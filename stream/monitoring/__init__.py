"""The run as seen from outside: metrics, health over HTTP, and the heartbeat file."""
