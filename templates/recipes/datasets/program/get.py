"""Fetch a data set: `python get.py ORDER.json`, as `fab dataset-get` starts it."""

import sys

from datasets.get.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
