"""What ``wam operator`` does with keys, and what it shows."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from std_srvs.srv import Trigger
from wam_msgs.srv import GoToPose, Handover

from wam_cli.executor_client import ExecutorClient
from wam_cli.executor_report import arrived, interruption, line
from wam_cli.keys import KEYS, Action, manual
from wam_core.status import State

BEAT_S: Final = 0.2
_ANSWER_S: Final = 3.0
_ARMS_S: Final = 120.0  # for node `arms`, which answers when the arms are there
_CONFIRM_S: Final = 1.0  # from the key to an executor that says that it is stopped
_START: Final = 'start'
_REQUESTS: Final[dict[Action, tuple[str, Any]]] = {
    Action.RESET: ('/executor/reset', Trigger.Request()),
    Action.HOLD: ('/executor/hold', Trigger.Request()),
    Action.TELEOP: ('/executor/handover', Handover.Request(source='teleop')),
    Action.POLICY: ('/executor/handover', Handover.Request(source='policy')),
    Action.HOME: ('/executor/go_to_pose', GoToPose.Request(pose=_START)),
    Action.PARK: ('/arms/park', Trigger.Request()),
}


@dataclass(frozen=True)
class _Asked:
    action: Action
    name: str
    answer: Any  # a future
    until_s: float


class Console:
    """say: shows a line that stays. Call ``look`` as often as possible: it sends the heartbeat."""

    def __init__(self, client: ExecutorClient, say: Callable[[str], None]) -> None:
        self._client = client
        self._say = say
        self._asked: list[_Asked] = []
        self._slew = 0  # generation of the slew that the key o began; 0: none
        self._beat_s = 0.0
        self._stop_s: float | None = None  # when the stop was sent that nobody has confirmed
        self.over = False

    @property
    def phase(self) -> str:
        """What a display shows at once when it changes."""
        state = self._client.state
        return '' if state is None else f'{state.state} {state.source} {state.pose}'

    def text(self) -> str:
        """The status line."""
        state = self._client.state
        if state is None:
            return f'no word from an executor in ROS domain {self._client.domain} | space: STOP'
        return f'{line(state)} | space: STOP, ?: keys'

    def press(self, key: str) -> None:
        """Does what a key is for."""
        if key not in KEYS:
            self._say(f'key {key!r} does nothing; ? lists the keys')
            return
        action = KEYS[key].action
        if action is Action.STOP:
            self._stop()
        elif action is Action.QUIT:
            self.over = True
        elif action is Action.HELP:
            self._say('\n'.join(manual()))
        else:
            self._ask(action)

    def look(self) -> None:
        """Sends the heartbeat when it is due, and tells what has come of requests."""
        now = time.monotonic()
        if now - self._beat_s >= BEAT_S:
            self._beat_s = now
            self._client.beat()
        for asked in list(self._asked):
            if asked.answer.done():
                self._asked.remove(asked)
                self._answered(asked)
            elif now > asked.until_s:
                self._asked.remove(asked)
                self._client.forget(asked.name, asked.answer)
                self._say(f'{asked.action.value}: no answer of {asked.name}')
        self._watch_stop(now)
        self._watch_slew()

    def _stop(self) -> None:
        if self._client.switch.press('space key of wam operator'):
            self._say('STOP sent')
        else:
            self._say(self._nobody('/stop'))
        self._stop_s = time.monotonic()

    def _ask(self, action: Action) -> None:
        name, request = _REQUESTS[action]
        if any(asked.action is action for asked in self._asked):
            self._say(f'{action.value}: asked already')
        elif not self._client.offered(name):
            self._say(f'{action.value}: {self._nobody(name)}')
        else:
            patience_s = _ARMS_S if name.startswith('/arms/') else _ANSWER_S
            answer = self._client.begin(name, request)
            self._asked.append(_Asked(action, name, answer, time.monotonic() + patience_s))
            if name.startswith('/arms/'):
                self._say(f'{action.value}: begun')

    def _answered(self, asked: _Asked) -> None:
        result = asked.answer.result()
        good = result.success if isinstance(result, Trigger.Response) else result.accepted
        if not good:
            self._say(f'{asked.action.value} refused or failed: {result.message}')
        elif asked.action is Action.HOME:
            self._slew = result.generation
            self._say(f'home: on the way, about {result.duration_s:.1f} s')
        else:
            self._say(f'{asked.action.value}: {result.message or "done"}')

    def _watch_stop(self, now: float) -> None:
        state = self._client.state
        if self._stop_s is None:
            return
        if state is not None and state.state == State.STOPPED:
            self._say(f'stopped: {state.stop_reason}. Key r lifts it')
            self._stop_s = None
        elif now - self._stop_s > _CONFIRM_S:
            self._say('STOP is not confirmed by any executor: use the emergency stop')
            self._stop_s = None

    def _watch_slew(self) -> None:
        state = self._client.state
        if not self._slew or state is None:
            return
        if arrived(state, _START, self._slew):
            self._say(f'home: at the {_START} pose')
            self._slew = 0
        elif why := interruption(state, _START, self._slew):
            self._say(f'home: {why}')
            self._slew = 0

    def _nobody(self, name: str) -> str:
        domain = self._client.domain
        return f'nobody answers on {name} in ROS domain {domain} (ROS_DOMAIN_ID)'


def greeting(domain: int) -> str:
    """What stands above the status line."""
    lines = [
        f'Operator console in ROS domain {domain}. Keys:',
        *manual(),
        'This console is the heartbeat of the operator, five times a second. Closing it stops the '
        'arms if heartbeat_action in config/executor.yaml is stop, and changes nothing otherwise.',
    ]
    return '\n'.join(lines)
