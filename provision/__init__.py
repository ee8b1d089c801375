"""From recipes to a provisioned host: render, send, run, follow. Knows nothing of Pulumi."""
