"""Whether each tick of the executor was recorded: a missing one looks like a jump of the arms."""

from typing import Any, Final

from wam_data.checks.finding import Findings
from wam_data.checks.thresholds import Thresholds
from wam_data.reader import Message

STATE: Final = '/executor_state'
SENT: Final = '/applied_action'


class Ticks:
    """Counts the ticks by the executor's own number, and those whose command is missing."""

    def __init__(self) -> None:
        self._newest: int | None = None
        self._recorded = self._missing = 0
        self._moving: set[int] = set()  # stamps of ticks on which the command moved
        self._sent: set[int] = set()

    def observe(self, message: Message, fields: Any) -> None:
        """Each message once, in order; those of other topics are passed over."""
        if message.topic == SENT:
            self._sent.add(message.publish_time_ns)
        elif message.topic == STATE:
            newest, self._newest = self._newest, int(fields.ticks)
            self._recorded += 1
            # An executor that was started again counts from 0.
            if newest is not None and self._newest > newest:
                self._missing += self._newest - newest - 1
            if not fields.at_rest:
                self._moving.add(message.publish_time_ns)

    def findings(self, bounds: Thresholds) -> Findings:
        """Ticks that have no state, and ticks that have no command."""
        found = Findings()
        # The recording may begin and end between the two messages of a tick.
        inner = self._moving - {min(self._moving), max(self._moving)} if self._moving else set()
        for topic, missing, ticks in (
            (STATE, self._missing, self._recorded + self._missing),
            (SENT, len(inner - self._sent), len(self._moving)),
        ):
            if missing:
                text = f'topic {topic}: {missing} of {ticks} ticks of the executor are missing'
                flawed = missing > bounds.missing * ticks
                (found.flaws if flawed else found.notes).append(text)
        return found
