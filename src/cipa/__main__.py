"""`python -m cipa`, the form that launchers such as torchrun take."""

import sys

from cipa.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
