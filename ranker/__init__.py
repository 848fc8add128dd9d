"""The service: everything with a clock, a socket or a file."""
