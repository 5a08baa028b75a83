"""``wam policy``: import, show, check and serve policies."""

import argparse
from importlib import import_module
from typing import Final

# Each is a module of this package, policy_<action>, with ``declare(parser)``, which sets ``run``.
ACTIONS: Final = {
    'import': 'make a policy directory of an official Cosmos Policy checkpoint',
    'show': 'explain a Cosmos Policy: latent sequence, sizes, steps, instructions, files',
    'check': 'verify the files of a Cosmos Policy and run its models once',
    'serve': "answer other people's clients with a policy of this stack",
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    parser.description = 'Imports, explains, verifies and serves policies.'
    actions = parser.add_subparsers(dest='action', required=True, metavar='action')
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=f'{text[0].upper()}{text[1:]}.')
        import_module(f'wam_cli.policy_{name}').declare(action)
