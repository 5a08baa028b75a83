"""The ROS arguments of this process, for the nodes that it holds besides its main one."""

from collections.abc import Sequence
from typing import Final

# Would give every node of the process the main one's name.
_OF_MAIN: Final = ('__node:=', '__name:=', '__ns:=')


def shared(arguments: Sequence[str]) -> list[str]:
    """What of a command line all nodes share: all ROS arguments but names given to the main one.

    A parameter with a node's name before it (``-p sim:seed:=1``) reaches that node alone anyway.
    """
    if '--ros-args' not in arguments:
        return []
    rest = iter(arguments[arguments.index('--ros-args') :])
    kept: list[str] = []
    for word in rest:
        if word in ('-r', '--remap'):
            rule = next(rest, '')
            if not rule.startswith(_OF_MAIN):
                kept += [word, rule]
        else:
            kept.append(word)
    return kept
