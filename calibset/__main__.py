"""``python -m calibset``."""

import sys

from calibset.cli import main

if __name__ == "__main__":
    sys.exit(main())
