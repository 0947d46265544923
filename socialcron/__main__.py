"""`python -m socialcron`, for hosts whose PATH lacks the console script."""

import sys

from socialcron.cli import main

sys.exit(main())
