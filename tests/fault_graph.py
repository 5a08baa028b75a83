"""The whole graph of a rollout on the simulated rig, for tests that break something in it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from executor_rig import excess
from rclpy.qos import QoSProfile
from rollout_outcome import last_line
from wam_msgs.msg import AppliedAction, EpisodeEvent, ExecutorState

from wam_bringup.config import load_rig
from wam_core.joints import ARM_SLICES
from wam_core.motion_limits import MotionLimits
from wam_data.manifest import read_manifest

TASK = ('--task', 'transfer_cube', '--policy', 'scripted', '--no-preview')
LIMITS = MotionLimits.of(load_rig('sim'))
PERIOD_S = 0.04  # of config/executor.yaml
SPEED = 0.1  # share of a joint's speed limit from which on it moves
ROUNDING = 1e-6
EXACTLY = 1e-9  # rad
DEEP = QoSProfile(depth=1000)  # for messages of which none may be missed


class Graph:
    """`wam up rollout`, and a node of the test's own that listens to it.

    rollout: parameters of the node of that name.
    """

    def __init__(self, stack: Any, **rollout: Any) -> None:
        parameters = stack.folder / 'rollout.yaml'
        parameters.write_text(yaml.safe_dump({'rollout': {'ros__parameters': rollout}}))
        logs = ('--log-directory', str(stack.folder / 'log' / 'wam_up'))
        arguments = (f'root:={stack.root}', f'parameters:={parameters}')
        self.stack = stack
        self.up = stack.start('up', 'rollout', *arguments, *logs, '--quiet')
        self.ros = stack.listen()
        self.events: list[Any] = self.ros.collect(EpisodeEvent, '/episode_event')
        self.states: list[Any] = self.ros.collect(ExecutorState, '/executor_state')
        self.applied: list[Any] = self.ros.collect(AppliedAction, '/applied_action', DEEP)
        self._diagnostics: list[Any] = self.ros.collect(DiagnosticArray, '/diagnostics')
        self.until(lambda: self.states, 'a state of the executor')

    def until(self, condition: Any, what: str) -> Any:
        def met() -> Any:
            assert self.up.popen.poll() is None, self.stack.report()
            return condition()

        return self.ros.wait(met, 120.0, what)

    def rollout(self, *words: str) -> Any:
        """Starts a rollout in this graph; returns when the executor follows its first chunk."""
        self.states.clear()
        self.events.clear()
        self.applied.clear()
        command = self.stack.start('rollout', *TASK, '--attach', *words)

        def running() -> bool:
            assert command.popen.poll() is None, self.stack.report()
            return bool(self.states) and self.states[-1].state == ExecutorState.RUNNING

        self.until(running, 'a running executor')
        return command

    def finish(self, command: Any, code: int = 0) -> re.Match[str]:
        """The last line of a rollout that ran. code: 1 where its recording was lost."""
        self.until(lambda: command.popen.poll() is not None, 'the end of the rollout')
        assert command.wait() == code, self.stack.report()
        return last_line(command.output)

    def short_episode(self) -> None:
        """An episode that shows that everything works."""
        line = self.finish(self.rollout('--time-limit', '1'))
        assert (line['outcome'], read_manifest(Path(line['episode'])).complete) == (
            'failure',
            True,
        ), self.stack.report()
        assert int(line['steps']) > 5

    def status(self, name: str) -> Any:
        """The newest report of a node."""
        statuses = (status for array in self._diagnostics[::-1] for status in array.status)
        return next((status for status in statuses if status.name == name), DiagnosticStatus())

    def received(self, camera: str) -> int:
        values = {item.key: item.value for item in self.status('camera_sync').values}
        return int(values.get(f'{camera}/received', 0))

    def fault(self, node: str, **knobs: Any) -> None:
        """Turns fault knobs of the simulated rig, src/wam_sim/README.md."""
        for result in self.ros.set_parameters(f'/{node}', **knobs):
            assert result.successful, result.reason

    @property
    def state(self) -> Any:
        """The executor's newest one."""
        return self.states[-1]

    def in_motion(self) -> None:
        """Waits until an arm is under way."""
        self.until(lambda: self._speed() > SPEED, 'an arm that moves')

    def at_rest(self, why: str) -> None:
        """Waits until the arms are held because of what contains the text, and stand still."""
        self.until(lambda: any(why in text for text in self.state.faults), f'the fault: {why}')
        self.until(
            lambda: self.state.state == ExecutorState.HOLDING and self.state.at_rest, 'the hold'
        )

    def goes_on(self) -> None:
        """Waits until the executor follows the policy again, past what it has followed so far."""
        chunks = self.state.chunks_merged
        self.until(
            lambda: (
                self.state.state == ExecutorState.RUNNING
                and self.state.chunks_merged > chunks
                and not self.state.faults
            ),
            'a run that goes on',
        )

    def lawful(self) -> None:
        """All commands of this rollout, from tick to tick, are within the limits.

        An arm that was away may be elsewhere when it is back: the command begins anew there, from
        rest.
        """
        limited = np.array([message.limited for message in self.applied])
        assert np.isfinite(limited).all()
        anew = [i for i, message in enumerate(self.applied) if i and _begins(message)]
        for part in np.split(limited, anew):
            assert excess([part[0], part[0], *part], LIMITS) < ROUNDING, (anew, part)

    def _speed(self) -> float:
        """Of the fastest joint, share of its limit."""
        if len(self.applied) < 2:
            return 0.0
        step = np.array(self.applied[-1].limited) - np.array(self.applied[-2].limited)
        return float((np.abs(step) / (LIMITS.velocity * PERIOD_S)).max())

    def refusals(self) -> dict[str, int]:
        """Reason -> chunks refused in this run."""
        state = self.states[-1]
        return dict(zip(state.refusal_reasons, state.refusal_counts, strict=True))


def _begins(applied: Any) -> bool:
    """Whether an arm is told to be exactly where it is: the command begins anew there."""
    lag = np.abs(np.array(applied.limited) - np.array(applied.measured))
    return any(lag[arm].max() < EXACTLY for arm in ARM_SLICES.values())
