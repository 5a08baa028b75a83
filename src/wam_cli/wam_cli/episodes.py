"""``wam episodes``: everything that is done with recordings once they are made."""

import argparse
from importlib import import_module
from typing import Any, Final

# Action -> (module with ``declare(parser)``, which sets ``run``; what it does).
ACTIONS: Final = {
    'list': ('episode_list', 'one line for each recording, filtered, or what SQL asks for'),
    'show': ('episode_show', 'summary, timeline, plots and pictures of a recording'),
    'verify': ('episode_verify', 'check recordings from end to end'),
    'recover': ('episode_recover', 'make a whole recording of a .partial or damaged one'),
    'label': ('label', 'write how a recording ended'),
    'rm': ('episode_remove', 'delete recordings, after a question'),
    'export': ('episode_export', 'to the formats that training code reads'),
    'import': ('episode_import', 'other formats into recordings of ours'),
}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the actions."""
    parser.description = (
        'Recordings are directories <root>/<task>/<UTC start>-<4 hex>; those that were not closed '
        'in order end in .partial.'
    )
    actions = parser.add_subparsers(
        dest='action', required=True, metavar='action', parser_class=_Parser
    )
    for name, (_, text) in ACTIONS.items():
        actions.add_parser(name, help=text)


class _Parser(argparse.ArgumentParser):
    """Of an action: its module is imported when it is asked for, since some take long to load."""

    _declared = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if not self._declared:
            self._declared = True
            module, _ = ACTIONS[self.prog.split()[-1]]
            import_module(f'wam_cli.{module}').declare(self)
        return super().parse_known_args(args, namespace)
