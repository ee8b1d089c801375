"""A box that sees this machine's GPU, and the recipes tried on it: without a cloud, a network, or systemd around it."""
