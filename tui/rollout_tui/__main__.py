"""``python -m rollout_tui``: the screen without the command line around it."""

import sys

from rollout_tui.app import main

sys.exit(main())
