"""Plain data that every other package may use."""
