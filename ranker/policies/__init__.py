"""Where policies come from, and which one is in force."""
