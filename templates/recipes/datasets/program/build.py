"""Build a data set: `python build.py NAME --from FOLDER …`, as `fab dataset-build` starts it."""

import sys

from datasets.build.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
