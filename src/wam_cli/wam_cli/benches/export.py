"""``wam bench export``: frames per second of each export format, beside LeRobot's own writer.

All read the same episodes through the same source: the same rows, the same decoded pixels.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from wam_cli.benches import peers
from wam_core.errors import WamError

# Name in the report -> format and its options.
_EXPORTS: Final[dict[str, tuple[str, dict[str, object]]]] = {
    'aloha_hdf5': ('aloha_hdf5', {}),
    'aloha_hdf5_jpeg': ('aloha_hdf5', {'images': 'jpeg'}),
    'cosmos': ('cosmos', {'layout': 'demonstrations'}),
    'lerobot_v3': ('lerobot_v3', {}),
}
_RATE_HZ: Final = 25.0
# A process begins with its parent's memory as its peak (Linux, ru_maxrss); a shell has little.
_SHELL: Final = ('sh', '-c', '"$@"; exit $?', 'sh')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument(
        'episodes', nargs='*', type=Path, metavar='EPISODE', help='(default: made for the bench)'
    )
    parser.add_argument(
        '--number', type=int, default=4, help='episodes that are made (%(default)s)'
    )
    parser.add_argument(
        '--seconds', type=float, default=10.0, help='length of each of those (%(default)g)'
    )
    parser.add_argument(
        '--jobs', type=int, default=len(os.sched_getaffinity(0)), help='(default: one per core)'
    )
    parser.add_argument(
        '--scratch', type=Path, help="folder on the disk to write to (default: the system's)"
    )


def run(arguments: argparse.Namespace) -> dict[str, object]:
    """The figures: ``formats`` and ``peers``, each with frames per second, cores and memory."""
    if arguments.number < 1 or arguments.seconds < 1.0 or arguments.jobs < 1:
        raise WamError('--number, --seconds and --jobs: expected at least 1 of each')
    with tempfile.TemporaryDirectory(dir=arguments.scratch) as scratch:
        episodes = [path.absolute() for path in arguments.episodes]
        if not episodes:
            _say(f'making {arguments.number} episodes')
            words = [scratch, str(arguments.number), str(arguments.seconds)]
            episodes = [Path(line) for line in _run('export_episodes', words).splitlines()]
        formats = {}
        for name, (kind, options) in _EXPORTS.items():
            _say(name)
            words = [kind, json.dumps(options), '{out}', str(_RATE_HZ), str(arguments.jobs)]
            formats[name] = _measure('export_session', words, episodes, Path(scratch))
        return {
            'episodes': len(episodes),
            'rows': next(iter(formats.values()))['rows'],
            'jobs': arguments.jobs,
            'rate_hz': _RATE_HZ,
            'formats': formats,
            'peers': {'lerobot': _lerobot(episodes, Path(scratch))},
        }


def _lerobot(episodes: Sequence[Path], scratch: Path) -> dict[str, Any]:
    """LeRobot's writer, which does one episode at a time; the reason where it isn't installed."""
    try:
        python = peers.python()
    except WamError as error:
        return {'frames_per_s': None, 'note': str(error)}
    _say("lerobot's own writer")
    words = ['{out}', str(_RATE_HZ)]
    return _measure('lerobot_writer', words, episodes, scratch, python)


def _measure(
    module: str,
    words: Sequence[str],
    episodes: Sequence[Path],
    scratch: Path,
    python: Path | str = sys.executable,
) -> dict[str, Any]:
    """Runs a module of this folder in a process of its own; its figures, and what they come to.

    words: '{out}' stands for the folder to write. Raises WamError where it fails.
    """
    out = scratch / 'out'
    given = [str(out) if word == '{out}' else word for word in words]
    try:
        output = _run(module, [*given, *map(str, episodes)], python)
        figures: dict[str, Any] = json.loads(output.splitlines()[-1])
        size = sum(path.stat().st_size for path in out.rglob('*') if path.is_file())
    finally:
        shutil.rmtree(out, ignore_errors=True)
    figures |= {
        'frames_per_s': figures['frames'] / figures['seconds'],
        'cores': figures['cpu_s'] / figures['seconds'],
        'bytes_per_frame': size / figures['frames'],
    }
    return figures


def _run(module: str, words: Sequence[str], python: Path | str = sys.executable) -> str:
    """What it printed."""
    command = [*_SHELL, str(python), '-m', f'wam_cli.benches.{module}', *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise WamError(f'{module}: ended with exit code {done.returncode}')
    return done.stdout


def _say(text: str) -> None:
    Console(stderr=True).print(text)
