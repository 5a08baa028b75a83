"""Tests with other projects' packages, in the environment of `make peers`; skipped elsewhere."""

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ENVIRONMENT = Path(sys.prefix).parent / '.venv-peers'
# No test asks the hub, not even for a data set that should be here and isn't.
os.environ['HF_HUB_OFFLINE'] = '1'
os.environ.setdefault('SVT_LOG', '1')


def reason() -> str:
    """Why the tests here can't run in this interpreter; empty: they can."""
    if importlib.util.find_spec('lerobot') is not None:
        return ''
    if (ENVIRONMENT / 'made_from').is_file():
        return f'runs in {ENVIRONMENT.name}: scripts/test_peers'
    return 'LeRobot is not installed: make peers (2 to 8 GB)'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    why = reason()
    for item in items:
        if why and item.path.is_relative_to(here):
            item.add_marker(pytest.mark.skip(reason=why))
