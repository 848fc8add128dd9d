"""Offline work on what the service decides and records; the first part is its sample data."""
