"""``wam arms``: one thing with the arms of a graph that runs: open, park, home, hold, stop, ..."""

import argparse
import json
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from wam_cli.interruption import Interruption
from wam_cli.usage import UsageError
from wam_core.errors import WamError

if TYPE_CHECKING:
    from wam_cli.executor_client import ExecutorClient

ACTIONS: Final = {
    'open': 'check and set the motors, torque on, then go to the start pose',
    'park': 'go to the start pose, then to the sleep pose; the torque stays on',
    'home': 'go to the start pose, and wait until the arms are there',
    'hold': 'end the run; the arms come to rest and hold',
    'stop': 'come to rest and stay; nothing moves the arms until `wam arms reset`',
    'reset': 'lift a stop; refused while its cause persists',
    'state': 'print what the executor does',
}
_SLOW: Final = frozenset(('open', 'park', 'home'))
_WAIT_S: Final = 10.0
_TIMEOUT_S: Final = 120.0
_MARGIN_S: Final = 10.0  # ROS clock, beyond what the executor expects a slew to take
_ANSWER_S: Final = 1.0  # of one try of a request that may be repeated
_TRIES: Final = 5
_REST_S: Final = 3.0  # within a rig's limits the arms come to rest sooner
_START: Final = 'start'


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the actions and their arguments."""
    parser.description = (
        'Does one thing with the arms of a graph that runs (`wam up rollout`), in the ROS domain '
        'ROS_DOMAIN_ID, and says how it went. Ctrl-C during open, park or home: the arms hold.'
    )
    parser.epilog = 'Exit code 0 done, 1 refused, failed or nobody there, 2 wrong command line.'
    actions = parser.add_subparsers(dest='action', required=True, metavar='action')
    for name, text in ACTIONS.items():
        action = actions.add_parser(name, help=text, description=f'{text[0].upper()}{text[1:]}.')
        action.add_argument(
            '--wait',
            type=float,
            default=_WAIT_S,
            metavar='S',
            help='wall time for a graph to be found (%(default)g)',
        )
        if name in _SLOW:
            action.add_argument(
                '--timeout',
                type=float,
                default=_TIMEOUT_S,
                metavar='S',
                help='wall time after which the arms hold where they are (%(default)g)',
            )
        if name == 'stop':
            action.add_argument(
                '--reason', default='wam arms stop', metavar='TEXT', help='(%(default)s)'
            )
        if name == 'state':
            action.add_argument('--json', action='store_true', help='print one JSON object')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Does it. Returns the exit code."""
    for option in ('wait', 'timeout'):
        value = getattr(arguments, option, _TIMEOUT_S)
        if not 0.0 < value < math.inf:
            raise UsageError(f'--{option} {value:g}: expected more than 0 seconds')
    from wam_cli.executor_client import ExecutorClient

    with ExecutorClient('wam_arms', Interruption().check, arguments.wait) as client:
        done = _DO[arguments.action](client, arguments)
        if done:
            print(done, flush=True)
    return 0


def _open(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    return _ask_arms(client, 'open', arguments.timeout)


def _park(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    return _ask_arms(client, 'park', arguments.timeout)


def _ask_arms(client: 'ExecutorClient', action: str, timeout_s: float) -> str:
    """Has node `arms` do it, and tells of what the executor does meanwhile."""
    from std_srvs.srv import Trigger

    name = f'/arms/{action}'
    _refuse_stopped(client, action)
    client.await_service(name)
    tell = _Teller(client)
    answer = client.begin(name, Trigger.Request())

    def over() -> bool:
        tell()
        return bool(answer.done()) or client.state is None or not client.offered(name)

    with _Holding(client):
        if not client.until(over, timeout_s):
            raise WamError(f'{action}: not over within --timeout {timeout_s:g} s')
        if not answer.done():
            raise WamError(f'{action}: {_lost(client, name)}')
    result = answer.result()
    if not result.success:
        raise WamError(f'{action}: {result.message}')
    return f'{action}: {result.message}'


def _home(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    from wam_msgs.srv import GoToPose

    from wam_cli.executor_report import arrived, interruption

    _refuse_stopped(client, 'home')
    answer = client.call('/executor/go_to_pose', GoToPose.Request(pose=_START))
    if not answer.accepted:
        raise WamError(f'home: {answer.message}')
    print(f'on the way to the {_START} pose, about {answer.duration_s:.1f} s', flush=True)
    began, until_s = time.monotonic(), _clock_s(client.state) + answer.duration_s + _MARGIN_S
    tell = _Teller(client)

    def over() -> bool:
        tell()
        state = client.state
        return (
            state is None
            or arrived(state, _START, answer.generation)
            or bool(interruption(state, _START, answer.generation))
            or _clock_s(state) > until_s
        )

    with _Holding(client):
        if not client.until(over, arguments.timeout):
            raise WamError(f'home: not there within --timeout {arguments.timeout:g} s')
        state = client.state
        if state is not None and _clock_s(state) > until_s:
            raise WamError(f'home: not there {_MARGIN_S:g} s after the expected time')
    if state is None:
        raise WamError(f'home: {_lost(client, "/executor/go_to_pose")}')
    # The arms are not held then: they may be another run's by now.
    if why := interruption(state, _START, answer.generation):
        raise WamError(f'home: {why}')
    return f'at the {_START} pose after {time.monotonic() - began:.1f} s'


def _hold(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    return f'hold: {_repeatedly(client, "/executor/hold")}'


def _reset(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    return f'reset: {_repeatedly(client, "/executor/reset")}'


def _stop(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    """By topic and by service at once, again and again until the executor says so itself."""
    from wam_core.status import State

    client.await_switch()

    def stopped() -> bool:
        return client.state is not None and client.state.state == State.STOPPED

    for _ in range(_TRIES):
        client.switch.press(arguments.reason)
        if client.until(stopped, _ANSWER_S):
            break
    else:
        raise WamError(
            f'stop: sent {_TRIES} times, and the executor does not say that it is stopped: '
            'use the emergency stop'
        )
    rest = client.until(lambda: client.state is not None and client.state.at_rest, _REST_S)
    how = 'the arms are at rest' if rest else 'the arms are still coming to rest'
    return f'stop: latched ({client.state.stop_reason if client.state else ""}), {how}'


def _state(client: 'ExecutorClient', arguments: argparse.Namespace) -> str:
    from wam_cli.executor_report import as_json, report

    state = client.await_state()
    if arguments.json:
        return json.dumps(as_json(state))
    return '\n'.join(f'{name:<14} {text}' for name, text in report(state))


_DO: Final[dict[str, Callable[['ExecutorClient', argparse.Namespace], str]]] = {
    'open': _open,
    'park': _park,
    'home': _home,
    'hold': _hold,
    'stop': _stop,
    'reset': _reset,
    'state': _state,
}


def _repeatedly(client: 'ExecutorClient', name: str) -> str:
    """The answer to a request that may be sent twice. Raises WamError when it is no."""
    from std_srvs.srv import Trigger

    for attempt in range(1, _TRIES + 1):
        try:
            answer = client.call(name, Trigger.Request(), _ANSWER_S)
        except WamError:
            if attempt == _TRIES or not client.offered(name):
                raise
            continue
        break
    if not answer.success:
        raise WamError(answer.message)
    return str(answer.message)


def _refuse_stopped(client: 'ExecutorClient', action: str) -> None:
    from wam_core.status import State

    state = client.await_state()
    if state.state == State.STOPPED:
        raise WamError(
            f'{action}: the executor is stopped ({state.stop_reason}); remove the cause, then '
            '`wam arms reset`'
        )


def _lost(client: 'ExecutorClient', name: str) -> str:
    from wam_cli.executor_client import SILENCE_S

    if client.state is None:
        return f'nothing on /executor_state for {SILENCE_S:g} s: does the executor run?'
    return f'{name} is gone: does its node run?'


def _clock_s(state: Any) -> float:
    return (
        0.0 if state is None else float(state.header.stamp.sec + state.header.stamp.nanosec / 1e9)
    )


class _Teller:
    """Prints what the executor does whenever that changes."""

    def __init__(self, client: 'ExecutorClient') -> None:
        self._client = client
        self._last: tuple[object, ...] = ()

    def __call__(self) -> None:
        from wam_cli.executor_report import gist, line

        state = self._client.state
        if state is not None and (found := gist(state)) != self._last:
            self._last = found
            print(f'executor: {line(state)}', flush=True)


class _Holding:
    """Around a motion that is waited for: whoever stops waiting early has the arms hold."""

    def __init__(self, client: 'ExecutorClient') -> None:
        self._client = client

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or self._client.state is None:
            return
        from std_srvs.srv import Trigger

        if self._client.offered('/executor/hold'):
            answer = self._client.begin('/executor/hold', Trigger.Request())
            # Without ticks: a second Ctrl-C must not lose the request.
            deadline = time.monotonic() + _REST_S
            while not answer.done() and time.monotonic() < deadline:
                self._client.spin()
            print('the arms hold' if answer.done() else 'hold: no answer', flush=True)
