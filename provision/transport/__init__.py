"""Which hosts there are, and how to talk to them."""
