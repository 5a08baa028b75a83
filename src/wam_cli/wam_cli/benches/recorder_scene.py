"""What plays in a round of ``wam bench recorder``: a rig's load, and an executor at work.

Each in a process of its own, in a ROS domain of their own: the cameras, the arms, the executor
with what surrounds it, and a loop that only sleeps.
"""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from wam_bringup.config import config_directory
from wam_cli.benches.lateness import percentiles
from wam_cli.benches.processes import expect, finish, node_process, process, tell
from wam_cli.benches.recorder_writers import arm_topics
from wam_core.errors import WamError
from wam_core.rig import RigSpec

LEAD_S: Final = 1.0  # from the last answer to the first message
_ARM_HZ: Final = 100.0
_EXECUTOR_HZ: Final = 25.0


@dataclass(frozen=True)
class Part:
    """Topics that one process publishes at one rate."""

    kind: str
    topics: tuple[str, ...]
    rate_hz: float

    def count(self, seconds: float) -> int:
        """Messages on each topic."""
        return round(self.rate_hz * seconds)


@dataclass(frozen=True)
class Played:
    """What a part did: of each message its stamp and when it had gone out on all of its topics,
    ns on the system clock."""

    part: Part
    published: list[tuple[int, int]]

    @property
    def late_s(self) -> float:
        """How late the last one was."""
        stamp_ns, at_ns = self.published[-1]
        return round((at_ns - stamp_ns) / 1e9, 3)


@dataclass(frozen=True)
class Lateness:
    """Percentiles, ms: of the executor's ticks, and of the loop's beside it that only sleeps."""

    executor: dict[str, float]
    bare: dict[str, float]


def parts(rig: RigSpec) -> list[Part]:
    """All that a rig publishes."""
    cameras = [Part('camera', (c.topic,), c.rate_hz) for c in rig.cameras.values()]
    return [*cameras, Part('arms', tuple(arm_topics(rig)), _ARM_HZ)]


def sent(rig: RigSpec, seconds: float) -> int:
    """Messages of the load in so long."""
    return sum(len(part.topics) * part.count(seconds) for part in parts(rig))


@contextmanager
def scene(
    rig: RigSpec, seconds: float, subscribers: int, variables: Mapping[str, str]
) -> Iterator['Scene']:
    """Ready to play for so long. subscribers: of each topic, to wait for."""
    arguments = ['--params-file', str(config_directory() / 'executor.yaml')]
    arguments += ['-p', f'command_rate_hz:={_EXECUTOR_HZ}', '-p', 'rig:=sim']
    with ExitStack() as stack:
        stack.enter_context(node_process('wam_nodes', 'executor', arguments, variables))
        traffic = stack.enter_context(process('executor_traffic', [], variables))
        bare = stack.enter_context(process('bare', [str(_EXECUTOR_HZ)], variables))
        loads = []
        for part in parts(rig):
            words = [part.kind, '--rate-hz', str(part.rate_hz)]
            words += ['--count', str(part.count(seconds)), '--subscribers', str(subscribers)]
            started = process('recorder_load', [*words, *part.topics], variables)
            loads.append((part, stack.enter_context(started)))
        for each in (traffic, bare, *(load for _, load in loads)):
            expect(each, 'ready')
        yield Scene(traffic, bare, loads)


class Scene:
    """Use its methods in their order."""

    def __init__(
        self,
        traffic: 'subprocess.Popen[str]',
        bare: 'subprocess.Popen[str]',
        loads: list[tuple[Part, 'subprocess.Popen[str]']],
    ) -> None:
        self._traffic = traffic
        self._bare = bare
        self._loads = loads

    def introduce(self, hear: Callable[[], None]) -> None:
        """Sends on every topic until ``hear`` returns, and then nothing."""
        hear()
        for _, each in self._loads:
            tell(each, 'quiet')
            expect(each, 'quiet')

    def begin(self) -> None:
        """The load begins LEAD_S from now."""
        for each in (self._traffic, self._bare):
            tell(each, 'begin')
        start_ns = time.time_ns() + round(LEAD_S * 1e9)
        for _, each in self._loads:
            tell(each, str(start_ns))

    def wait(self) -> None:
        """Until all of the load is sent, and whoever takes it has acknowledged it."""
        for _, each in self._loads:
            expect(each, 'sent')

    def lateness(self) -> Lateness:
        """From ``begin`` until now."""
        states = json.loads(finish(self._traffic))['states']
        if not states:
            raise WamError('/executor_state: nothing came in all that time')
        bare_ms = json.loads(finish(self._bare))['lateness_ms']
        return Lateness(percentiles([state[1] for state in states]), percentiles(bare_ms))

    def end(self) -> list[Played]:
        """Ends the load, even before its time."""
        return [
            Played(part, [(stamp_ns, at_ns) for stamp_ns, at_ns in _last_line(each)])
            for part, each in self._loads
        ]


def _last_line(load: 'subprocess.Popen[str]') -> list[list[int]]:
    found: list[list[int]] = json.loads(finish(load).splitlines()[-1])
    return found
