"""Whether the arms are parked before a graph is stopped in order, and how."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from wam_bringup.config import load_rig
from wam_bringup.node_spec import NodeSpec
from wam_core.errors import WamError

CHOICES: Final = ('auto', 'yes', 'no')
HELP: Final = (
    'whether the arms go to the sleep pose before the graph is stopped in order; auto: on a real '
    'rig yes, on a simulated one no (%(default)s). A second Ctrl-C, a latched stop, a failure of '
    'the graph or of parking itself skip it'
)
NAME: Final = 'park'  # of the process and of its log
_WAIT_S: Final = 20.0  # to find the executor on a loaded machine
_SLEW_S: Final = 60.0
TIMEOUT_S: Final = _WAIT_S + _SLEW_S + 10.0  # after which it has ended by itself
AFTER: Final = 'executor'  # parking needs it: it is stopped after parking


def parks(choice: str, specs: Sequence[NodeSpec]) -> bool:
    """Whether a graph of these nodes parks. Raises WamError when it has to and can't."""
    arms = next((spec for spec in specs if spec.name == 'arms'), None)
    if arms is None:
        if choice == 'yes':
            raise WamError('--park yes: this graph has no node `arms` that could park')
        return False
    return choice == 'yes' or (
        choice == 'auto' and not load_rig(str(arms.parameters['rig'])).simulated
    )


def command() -> list[str]:
    """What parks the arms."""
    return wam('arms', 'park', '--wait', f'{_WAIT_S:g}', '--timeout', f'{_SLEW_S:g}')


def wam(*words: str) -> list[str]:
    """A command line of ``wam`` itself, in a process of its own."""
    from ament_index_python.packages import get_package_prefix

    # Not `python -m wam_cli`: that looks for modules in the user's directory first.
    return [sys.executable, str(Path(get_package_prefix('wam_cli')) / 'bin' / 'wam'), *words]
