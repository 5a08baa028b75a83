"""When a person had the arms in a run that a policy began, by what the executor says each tick."""

from typing import Final, NamedTuple

from wam_core.errors import WamError
from wam_data.cdr import Cursor
from wam_data.manifest import Intervention

EXECUTOR_STATE: Final = 'wam_msgs/msg/ExecutorState'
_PERSON: Final = 'teleop'
_MACHINES: Final = frozenset(('policy', 'replay'))


class Tick(NamedTuple):
    """source: active one; empty: none. generation: number of the run."""

    stamp_ns: int
    source: str
    generation: int


def read_tick(data: bytes) -> Tick:
    """Of a serialized wam_msgs/ExecutorState. Raises WamError where the bytes end too early."""
    cursor = Cursor(data)
    stamp_ns = cursor.time_ns()
    cursor.text()  # frame_id
    cursor.take('B', 1)  # state
    cursor.text()  # mode
    source = cursor.text()
    cursor.text()  # task
    return Tick(stamp_ns, source, cursor.unsigned())


class InterventionCounter:
    """Fed with every tick of an episode, in order."""

    def __init__(self) -> None:
        self._closed: list[Intervention] = []
        self._began = Tick(0, '', -1)  # the first tick of the run
        self._since_ns: int | None = None
        self._newest_ns = 0

    def observe(self, tick: Tick) -> None:
        """One tick of the executor."""
        if tick.generation != self._began.generation or not self._began.source:
            self._close(tick.stamp_ns)
            self._began = tick
        by_person = tick.source == _PERSON and self._began.source in _MACHINES
        if by_person and self._since_ns is None:
            self._since_ns = tick.stamp_ns
        elif not by_person:
            self._close(tick.stamp_ns)
        self._newest_ns = tick.stamp_ns

    def result(self) -> tuple[Intervention, ...]:
        """Until now; one that goes on ends with the newest tick."""
        if self._since_ns is None:
            return tuple(self._closed)
        return (*self._closed, Intervention(self._since_ns, self._newest_ns, _PERSON))

    def _close(self, stop_ns: int) -> None:
        if self._since_ns is not None:
            self._closed.append(Intervention(self._since_ns, stop_ns, _PERSON))
            self._since_ns = None


def tick_or_none(data: bytes) -> Tick | None:
    """As ``read_tick``; None where the bytes are no state: verify names it."""
    try:
        return read_tick(data)
    except WamError:
        return None
