"""Recordings that others made: tests that need one are skipped where there are none."""

import os
from pathlib import Path

import pytest

VARIABLE = 'WAM_TEST_DATA'
_BESIDE = Path(__file__).resolve().parents[2] / 'shared' / 'data'


def shared_data(*parts: str) -> Path:
    """A file or folder of those that the variable names; without it the test is skipped."""
    path = Path(os.environ.get(VARIABLE, _BESIDE)).joinpath(*parts)
    if not path.exists():
        pytest.skip(f'{path} is not there ({VARIABLE} names the folder of test recordings)')
    return path


def recordings(*parts: str, pattern: str) -> list[Path]:
    """Files in a folder of it, for ``parametrize``; none where the folder is absent."""
    folder = Path(os.environ.get(VARIABLE, _BESIDE)).joinpath(*parts)
    return sorted(folder.rglob(pattern))
