"""``python -m wam_cli``: the wam command."""

import sys

from wam_cli.main import main

sys.exit(main())
