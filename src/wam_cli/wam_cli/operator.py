"""``wam operator``: the keyboard of the person at the rig, and the operator's heartbeat."""

import argparse
import signal
import sys

from wam_cli.interruption import Interruption
from wam_cli.keys import manual, pressed
from wam_cli.terminal import Terminal
from wam_cli.usage import UsageError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP)


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the command."""
    parser.description = (
        'A console for the person at the rig, for a graph that runs (`wam up rollout`) in the ROS '
        'domain ROS_DOMAIN_ID. It shows what the executor does and sends what the keys say. While '
        'it runs it publishes /operator_heartbeat five times a second; closing it stops the arms '
        'if heartbeat_action in config/executor.yaml is stop.'
    )
    parser.epilog = '\n'.join(['keys:', *manual(), 'Ctrl-C closes the console, as q does.'])
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Runs the console until it is closed. Returns the exit code."""
    terminal = Terminal()
    if not terminal.present or not sys.stdout.isatty():
        raise UsageError(
            'this is for a person at a terminal: standard input and output must be one. '
            'Programs use `wam arms hold|stop|reset|home|park|state`'
        )
    interruption = Interruption(_SIGNALS)
    from wam_cli.console import Console, greeting
    from wam_cli.executor_client import ExecutorClient
    from wam_cli.status import Display

    with terminal, ExecutorClient('wam_operator') as client, Display() as display:
        display.say(greeting(client.domain))
        console = Console(client, display.say)
        while not console.over:
            for key in pressed(terminal.read()):
                console.press(key)
            console.look()
            display.show(console)
            client.spin()
            interruption.check()
    print('the console is closed: no heartbeat any more')
    return 0
