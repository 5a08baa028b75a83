"""One node of a graph, and one argument of a graph, as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wam_bringup.config import names, reference
from wam_core.errors import WamError

Value = bool | int | float | str

# Exit code of a node that can't start with what it was given: to start it again would not help.
REFUSED: Final = 2


@dataclass(frozen=True)
class NodeSpec:
    """A process to run: ``executable`` of ``package``.

    name: of the process in logs and of its main node. parameter_files: later ones override.
    parameters: override the files; of the main node only, save ``use_sim_time``, which is of all.
    remappings: name -> name. respawn: start it again when it dies. required: when it dies, and is
    not started again, the graph ends. nice: 0..19, how far it steps back when processors are
    short.
    """

    name: str
    package: str
    executable: str
    parameter_files: tuple[str, ...] = ()
    parameters: Mapping[str, Value] = field(default_factory=dict)
    remappings: Mapping[str, str] = field(default_factory=dict)
    use_sim_time: bool = False
    respawn: bool = False
    required: bool = True
    nice: int = 0

    @property
    def prefix(self) -> tuple[str, ...]:
        """What stands before the executable on its command line."""
        return ('nice', '-n', str(self.nice)) if self.nice else ()

    def ros_arguments(self) -> list[str]:
        """What follows the executable on its command line, after ``--ros-args``."""
        words = []
        for file in self.parameter_files:
            words += ['--params-file', file]
        if self.use_sim_time:
            words += ['-p', 'use_sim_time:=true']
        for key, value in self.parameters.items():
            # A YAML scalar; JSON's form of it keeps a text that looks like a number a text.
            words += ['-p', f'{self.name}:{key}:={json.dumps(value)}']
        for old, new in self.remappings.items():
            words += ['-r', f'{old}:={new}']
        return words


@dataclass(frozen=True)
class Argument:
    """An argument of a graph, given as ``name:=value``.

    choices: the only values; empty: any. folder: the value is what ``config.find`` knows of
    config/<folder>: a name, or a path.
    """

    name: str
    default: str
    description: str
    choices: tuple[str, ...] = ()
    folder: str = ''

    def text(self) -> str:
        """The description with what is allowed, for people."""
        if self.folder:
            directory = ' or a policy directory' if self.folder == 'policies' else ''
            known = ', '.join(names(self.folder))
            return f'{self.description}: {known}, or a path of a .yaml file{directory}'
        return self.description

    def check(self, value: str) -> str:
        """The value if it is allowed, paths absolute. Raises WamError that lists what is."""
        if self.choices and value not in self.choices:
            raise WamError(f'{self.name}:={value} is unknown, expected one of {self.choices}')
        if self.folder:
            return reference(self.folder, value)
        return value
