"""The ``wam`` command. Exit codes: 0 done, 1 the thing asked about is bad, 2 usage."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Final

from wam_bringup import environment
from wam_cli.usage import UsageError
from wam_core.errors import WamError

# Each is a module of this package with ``declare(parser)``, which sets ``run``.
COMMANDS: Final = {
    'rollout': 'run episodes of a policy, recorded, with their outcome',
    'teleop': 'record demonstrations of a person with leader arms',
    'up': 'run a graph: the simulated rig, rollouts, demonstrations',
    'operator': 'a console for the person at the rig: stop, hold, park',
    'arms': 'open, park, home, hold, stop or reset the arms',
    'policy': 'import, explain, check and serve policies',
    'episodes': 'list, verify and recover recordings',
    'label': 'write the outcome of a recording',
    'bench': 'measure frame matching or image transport',
    'doctor': 'check this machine and say what each finding means',
}


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command line. Returns the exit code."""
    environment.apply()
    given = sys.argv[1:] if words is None else words
    arguments = parse(given)
    try:
        return int(arguments.run(arguments))
    except UsageError as error:
        print(f'wam {arguments.command}: {error}', file=sys.stderr)
        return 2
    except WamError as error:
        print(f'wam {arguments.command}: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 1


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The command line as values. Ends the process with exit code 2 for a wrong one."""
    parser = make_parser(words)
    arguments, rest = parser.parse_known_args(words)
    # argparse takes a list of words in one place only; `up` has its name:=value words anywhere.
    if arguments.command == 'up' and all(':=' in word for word in rest):
        arguments.arguments += rest
    elif rest:
        parser.error(f'unrecognized arguments: {" ".join(rest)}')
    return arguments


def make_parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The command line. Only the command that is asked for is imported: it must start quickly."""
    parser = argparse.ArgumentParser(
        prog='wam',
        description='Runs world-action models on an ALOHA rig, real or simulated.',
        epilog='Exit codes: 0 done, 1 the thing asked about is bad, 2 usage.',
    )
    commands = parser.add_subparsers(dest='command', required=True, metavar='command')
    chosen = next((word for word in words if not word.startswith('-')), '')
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text)
        if name == chosen:
            import_module(f'wam_cli.{name}').declare(command)
    return parser
