"""What the field uses for the same work, measured beside it."""
