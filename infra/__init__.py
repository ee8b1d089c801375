"""Pulumi components: network, access, image, storage, host and guardrails of one GPU box."""
