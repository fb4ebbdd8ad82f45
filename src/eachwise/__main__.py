"""``python -m eachwise`` is the command ``eachwise``."""

import sys

from eachwise.cli import main

sys.exit(main())
