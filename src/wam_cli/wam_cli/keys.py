"""What the keys of ``wam operator`` do, and how keys are read out of a terminal's bytes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

STOP_KEY: Final = ' '


class Action(Enum):
    """What a key does."""

    STOP = 'stop'
    RESET = 'reset'
    HOLD = 'hold'
    TELEOP = 'teleop'
    POLICY = 'policy'
    HOME = 'home'
    PARK = 'park'
    QUIT = 'quit'
    HELP = 'help'


@dataclass(frozen=True)
class Key:
    """action: what it does. name: of the key, for people. text: what it does, for people."""

    action: Action
    name: str
    text: str


KEYS: Final[Mapping[str, Key]] = {
    STOP_KEY: Key(Action.STOP, 'space', 'STOP: the arms come to rest and stay, until r'),
    'r': Key(Action.RESET, 'r', 'lift the stop; refused while its cause persists'),
    'h': Key(Action.HOLD, 'h', 'end the run; the arms come to rest'),
    't': Key(Action.TELEOP, 't', 'teleoperation takes over the run'),
    'p': Key(Action.POLICY, 'p', 'give the run back to the policy'),
    'o': Key(Action.HOME, 'o', 'go to the start pose, in place of a run'),
    'k': Key(Action.PARK, 'k', 'park: to the start pose, then to the sleep pose'),
    'q': Key(Action.QUIT, 'q', 'close this console'),
    '?': Key(Action.HELP, '?', 'this list'),
}

# What an arrow, a function key or Alt with a letter sends: ESC and more, letters among it.
_SEQUENCE: Final = re.compile(r'\x1b(?:\[[0-?]*[ -/]*[@-~]|O.|.)?', re.DOTALL)


def pressed(data: bytes) -> list[str]:
    """The keys in what a terminal sent, in order. A space in it, wherever it is, comes first."""
    keys = typed(data)
    # Also when it came as a part of something else.
    stop = [STOP_KEY] if STOP_KEY in data.decode(errors='replace') else []
    return stop + [key for key in keys if key != STOP_KEY]


def typed(data: bytes) -> list[str]:
    """The letters in what a terminal sent, in order.

    Special keys are dropped: a letter in what they send is none that anybody pressed.
    """
    return list(_SEQUENCE.sub('', data.decode(errors='replace')))


def manual() -> list[str]:
    """A line for each key."""
    return [f'{key.name:>5}  {key.text}' for key in KEYS.values()]
