"""What the policy node says of itself to people: failures as they happen, numbers as they are."""

import traceback
from collections import Counter
from collections.abc import Mapping

from rclpy.node import Node

from wam_core.errors import WamError
from wam_core.policy import Prediction
from wam_nodes.diagnostics import Report


class PolicyAccount:
    """Counts, times of the stages of the newest answer, and what went wrong.

    loading_s: for how long the policy has been loading; None: it is not.
    """

    def __init__(self, node: Node) -> None:
        self._logger = node.get_logger()
        self._counts: Counter[str] = Counter()
        self._stage_ms: dict[str, float] = {}
        self._note = ''
        self._noted = False  # whether a note was told since the reset
        self._error = ''  # why the newest reset or inference failed
        self._fault = ''  # newest since the last report, of what can do without
        self.loading_s: float | None = None

    def refused(self) -> None:
        """A request could not be served."""
        self._counts['requests refused'] += 1

    def answered(self, prediction: Prediction, stage_ms: Mapping[str, float]) -> None:
        """An inference succeeded."""
        self._counts['inferences'] += 1
        self._stage_ms = dict(stage_ms)
        self._note = prediction.note
        if self._note and not self._noted:
            self._noted = True
            self._fault = f'an answer has the note: {self._note}'
            self._logger.warning(self._fault)
        self._error = ''

    def decoded(self, milliseconds: float) -> None:
        """Images of the newest answer were decoded."""
        self._stage_ms['decode'] = milliseconds

    def ready(self) -> None:
        """A reset succeeded."""
        self._error = ''
        self._noted = False

    def failed(self, kind: str, what: str, error: BaseException) -> str:
        """Logs what a policy raised; its text for the wire. kind: what is counted, or empty."""
        text = self._told(what, error)
        self._error = f'{what}: {text}'
        if kind:
            self._counts[kind] += 1
        return text

    def decoding_failed(self, what: str, error: BaseException) -> str:
        """Logs why there are no images, which the arms can do without; its text for the wire."""
        text = self._told(what, error)
        self._fault = f'{what}: {text}'
        self._counts['decodings failed'] += 1
        return text

    def report(self, policy: str, task: str | None, busy: str, observations: Report) -> Report:
        """Once per second. observations: what is wrong with them, and their counts."""
        faults = [*filter(None, (self._fault,)), *observations.faults]
        self._fault = ''
        values: dict[str, object] = {'policy': policy, 'task': task, 'busy': busy}
        if self.loading_s is not None:
            values['loading_s'] = f'{self.loading_s:.0f}'
            faults.append(f'loads policy {policy!r}, for {self.loading_s:.0f} s so far')
        if self._note:
            values['note'] = self._note
        stages = {f'{name} [ms]': f'{value:.1f}' for name, value in self._stage_ms.items()}
        return Report(
            tuple(faults),
            (self._error,) if self._error else (),
            {**values, **self._counts, **observations.values, **stages},
        )

    def _told(self, what: str, error: BaseException) -> str:
        text = str(error) if isinstance(error, WamError) else f'{type(error).__name__}: {error}'
        self._logger.error(f'{what}: {text}')
        if not isinstance(error, WamError):
            self._logger.error(''.join(traceback.format_exception(error)))
        return text
