"""The user's AWS account, asked by the laptop: clients, errors, tags."""
