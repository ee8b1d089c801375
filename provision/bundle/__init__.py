"""What travels to a host: recipes rendered into steps, as user-data or over SSH."""
