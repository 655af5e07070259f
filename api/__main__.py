"""The command line as a module, ``python -m dagsmith``: what torchrun can start."""

import sys

from dagsmith.cli import main

if __name__ == "__main__":
    sys.exit(main())
