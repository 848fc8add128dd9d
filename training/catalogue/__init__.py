"""Parts of the sample catalogue: how it draws, its dramas, its live rooms, its example request."""
