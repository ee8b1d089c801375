"""What `make rehearse` tells, by the commands that a user types: the main job, and a box's whole life."""
