"""Stand-ins for sources that a machine without a GPU, an account or half an hour cannot use: small trees of our own.

Each folder goes through the very install scripts of the real one and says on every page and in every output that it is
a stand-in. `serve` gives them to boxes as git repositories.
"""
