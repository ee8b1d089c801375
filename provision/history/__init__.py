"""What was done on a host, read from its journal and drawn as a page."""
