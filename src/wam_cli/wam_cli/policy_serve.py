"""``wam policy serve``: a policy for other people's clients."""

import argparse
import logging
import os
import signal
import sys
from types import FrameType

from wam_cli.usage import UsageError
from wam_core.errors import WamError
from wam_core.gripper_scale import SCALES
from wam_policy.remote.access import PORTS, reserve


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments; sets ``run``."""
    parser.description = (
        'Serves a policy until Ctrl-C: to clients of Cosmos Policy (HTTP, POST /act) or of openpi '
        '(websocket). docs/remote_policies.md has both protocols.'
    )
    parser.add_argument('policy', help='as of `wam rollout --policy`')
    parser.add_argument(
        '--protocol', required=True, choices=sorted(PORTS), help='what the clients speak'
    )
    parser.add_argument(
        '--host', default='127.0.0.1', help='address to listen on; others than loopback need '
        'a token (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--port', type=int, help=f'0: any free one ({PORTS["cosmos"]}, {PORTS["openpi"]})'
    )
    parser.add_argument(
        '--token-file', default='', metavar='FILE',
        help='file with the token that clients must send, in its first line',
    )  # fmt: skip
    parser.add_argument(
        '--gripper-state', default='finger', choices=SCALES,
        help="what 0 to 1 of a client's gripper is linear in: the finger's position, as ALOHA "
        "records it, or the motor's angle (%(default)s)",
    )  # fmt: skip
    parser.add_argument(
        '--waiting', type=int, default=4, metavar='N',
        help='requests that may wait for the one being answered (%(default)s)',
    )  # fmt: skip
    parser.add_argument(
        '--no-future-images',
        action='store_true',
        help='cosmos: leave out predicted images',
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serves until Ctrl-C or SIGTERM. Exit codes: 0 then, 1 if it can't be served."""
    from wam_bringup.config import load_policy
    from wam_policy import registry
    from wam_policy.remote.options import read_token
    from wam_policy.remote.service import Service
    from wam_policy.remote.serving import check, start

    if arguments.waiting < 0:
        raise UsageError(f'--waiting {arguments.waiting}, expected 0 or more')
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    config = load_policy(arguments.policy)
    check(arguments.protocol, config.spec)
    token = read_token(arguments.token_file)
    port = PORTS[arguments.protocol] if arguments.port is None else arguments.port
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)  # SIGINT too: a shell's background jobs ignore it
    with reserve(arguments.host, port, token) as reserved:
        print(f'loading policy {config.spec.name}', file=sys.stderr)
        try:
            service = Service(
                lambda: registry.load(config), arguments.gripper_state, arguments.waiting
            )
        except KeyboardInterrupt:
            print('stopped while loading', file=sys.stderr, flush=True)
            os._exit(130)  # Python itself would wait until the policy is loaded
        try:
            server = start(
                arguments.protocol, service, reserved, token, not arguments.no_future_images
            )
            try:
                print(f'ready: policy {config.spec.name} at {server.url}', flush=True)
                server.wait()
            except KeyboardInterrupt:
                print('stopping', file=sys.stderr)
                return 0
            finally:
                server.stop()
        finally:
            service.close()
    raise WamError('the server ended by itself; its messages are above')


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
