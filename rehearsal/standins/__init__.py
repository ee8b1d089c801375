"""Stand-ins for sources that a machine without a GPU, an account or half an hour cannot use: small trees of our own.

`caffe/` and `digits/` go through the very install scripts of the real ones and say on every page and in every output
that they are stand-ins. `serve` gives them to boxes as git repositories.
"""
