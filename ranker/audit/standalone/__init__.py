"""What goes into a bundle as it is, for those who do not have this package."""
