"""Driver of scripts/setup. Standard library only: it runs before anything is installed.

Each finished step leaves a stamp in .setup/ with the fingerprint of what it was made from, so that
nothing is done twice, and an interrupted step is done again.
"""

import argparse
import fcntl
import os
import signal
import sys
import time
from collections.abc import Sequence

from provision_steps import STATE, STEPS, SetupError, Step


def main() -> int:
    """Does every step whose stamp does not match. Returns the exit code."""
    parser = argparse.ArgumentParser(prog='scripts/setup', description=__doc__)
    parser.add_argument('--check', action='store_true', help='exit 1 if a step is still to do')
    arguments = parser.parse_args()
    if arguments.check:
        return 1 if pending() else 0
    if not pending():
        return 0
    STATE.mkdir(exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (STATE / 'lock').open('w') as lock:
        try:
            wait_for(lock.fileno())
            return run_steps(pending())
        except KeyboardInterrupt:
            print('\nset-up: interrupted. The next start goes on from here.', file=sys.stderr)
            return 130


def pending() -> list[Step]:
    """The steps that are still to do, in order."""
    return [step for step in STEPS if stamp(step) != step.fingerprint()]


def stamp(step: Step) -> str:
    """The fingerprint that the step was last finished with; empty: never."""
    try:
        return (STATE / f'{step.name}.stamp').read_text()
    except OSError:
        return ''


def run_steps(steps: Sequence[Step]) -> int:
    """Runs the steps, saying what they do. Returns the exit code."""
    for number, step in enumerate(steps, start=1):
        head = f'set-up {number}/{len(steps)}: {step.title}'
        print(f'{head} (about {step.duration}) ...', flush=True)
        started = time.monotonic()
        path = STATE / f'{step.name}.stamp'
        try:
            step.action()
        except SetupError as error:
            verdict = 'failed' if error.fatal else 'not possible'
            print(f'\n{head}: {verdict}.\nWhy: {error.why}', file=sys.stderr)
            print(f'What to do: {error.remedy}\n', file=sys.stderr, flush=True)
            if error.fatal:
                return 1
        partial = path.with_suffix('.new')
        partial.write_text(step.fingerprint())
        partial.replace(path)
        print(f'{head}: done in {time.monotonic() - started:.0f} s', flush=True)
    if steps:
        print('set-up: complete', flush=True)
    return 0


def wait_for(lock: int) -> None:
    """Takes the lock that keeps two set-ups apart."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print('set-up: another set-up of this checkout is running; waiting for it ...', flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    os.set_inheritable(lock, True)  # a child that outlives a killed set-up still holds it


if __name__ == '__main__':
    sys.exit(main())
