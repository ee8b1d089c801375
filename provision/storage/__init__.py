"""Job volumes, their snapshots, and images of boxes, as EC2 has them."""
