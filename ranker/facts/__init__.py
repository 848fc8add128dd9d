"""Where facts are kept, and the snapshots that requests read."""
