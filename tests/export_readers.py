"""Runs a script with others' code in the environment of `make peers`, on their own checkout."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).parent / 'parity'
ENVIRONMENT = Path(sys.prefix).parent / '.venv-peers'
TIMEOUT_S = 240


def read(script: str, variable: str, project: str, arguments: list[str], out: Path) -> Any:
    """What the script wrote, by name. variable: of the environment, naming the checkout.

    Skips, with the reason, without the checkout or the environment.
    """
    checkout = os.environ.get(variable, '')
    if not checkout:
        pytest.skip(f'{variable} names no checkout of {project}')
    if not (ENVIRONMENT / 'made_from').is_file():
        pytest.skip('its packages are not installed: make peers')
    words = [word if word != '{out}' else str(out) for word in arguments]
    done = subprocess.run(
        [str(ENVIRONMENT / 'bin' / 'python'), str(FOLDER / script), checkout, *words],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return np.load(out)
