"""The data sets' programs on the host: `get` fetches them, `build` makes one of pictures. Python 3.10 or newer."""
