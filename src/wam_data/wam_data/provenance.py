"""Which configuration and which version of the stack an episode was made with."""

import hashlib
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

_GIT_TIMEOUT_S: Final = 5.0


def config_hash(directory: Path) -> str:
    """SHA-256 over the paths and contents of all files in a folder, in the order of their paths.

    Raises OSError where a file can't be read.
    """
    digest = hashlib.sha256()
    for path in sorted(directory.rglob('*')):
        if path.is_file():
            content = path.read_bytes()
            name = path.relative_to(directory).as_posix()
            digest.update(f'{name}\0{len(content)}\0'.encode() + content)
    return digest.hexdigest()


def stack_version(source: Path = Path(__file__)) -> str:
    """``git describe`` of the checkout that the code runs from, else the package's version."""
    command = ['git', 'describe', '--tags', '--always', '--dirty']
    try:
        described = subprocess.run(
            command,
            cwd=source.resolve().parent,
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return _package_version()
    return described.stdout.strip()


def _package_version() -> str:
    try:
        return version('wam_data')
    except PackageNotFoundError:
        return 'unknown'
