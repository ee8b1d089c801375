"""What travels between a laptop and the program on the box: requests, events, and the documents inside them.

Both sides are checked against these types. At run time each is a plain JSON object: the box loads none of these modules
(but `provision.agent.words`). Without `from __future__ import annotations`: `kind_of` reads the types themselves.
Sizes are in bytes, times in seconds of UTC by the box's clock, unless a line says otherwise.
"""
