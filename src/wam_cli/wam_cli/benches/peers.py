"""Other people's packages that the benches measure us against; ``make peers`` installs them.

They live in an environment of their own beside ours, whose interpreter imports our packages too:
start it as a child of a process of ours, whose environment names the workspace.
"""

import sys
from pathlib import Path
from typing import Final

from wam_core.errors import WamError

_ENVIRONMENT: Final = Path(sys.prefix).parent / '.venv-peers'  # scripts/peers


def python() -> Path:
    """The interpreter that imports ``openpi_client`` and ``lerobot``. Raises WamError."""
    interpreter = _ENVIRONMENT / 'bin' / 'python'
    if not (_ENVIRONMENT / 'made_from').is_file():  # written last
        raise WamError(
            f'{_ENVIRONMENT}: the packages that this compares with are not installed there: '
            'run `make peers` in the checkout'
        )
    return interpreter
