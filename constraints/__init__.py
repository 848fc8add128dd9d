"""The law: arrays in, decision out. No clock, socket, thread or randomness."""
