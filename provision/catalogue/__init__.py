"""The recipes: read, ordered, checked against images, GPUs and drivers, and documented."""
