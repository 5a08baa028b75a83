"""What the arms did, against what the rig can do."""

from array import array
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from wam_bringup.config import load_rig
from wam_core.errors import WamError
from wam_core.joints import ARMS, DIM, GRIPPERS, JOINT_NAMES
from wam_core.rig import RigSpec
from wam_data.checks.finding import Findings
from wam_data.checks.thresholds import Thresholds
from wam_data.reader import Message

MEASURED: Final = '/proprioception'
SENT: Final = '/applied_action'
_ROUNDING: Final = 1e-6  # rad: targets pass through float32


class Joints:
    """Collects the measured and the sent 14-vectors of an episode."""

    def __init__(self) -> None:
        self._stamps: dict[str, array[int]] = {MEASURED: array('q'), SENT: array('q')}
        self._rows: dict[str, array[float]] = {MEASURED: array('d'), SENT: array('d')}

    def observe(self, message: Message, fields: Any) -> None:
        """Each message once, in order; those of other topics are passed over."""
        if message.topic == MEASURED:
            self._add(message, fields.position)
        elif message.topic == SENT:
            self._add(message, fields.limited)

    def _add(self, message: Message, vector: Any) -> None:
        self._stamps[message.topic].append(message.publish_time_ns)
        self._rows[message.topic].extend(vector)

    def rows(self, topic: str) -> NDArray[np.float64]:
        """(N, 14): rad, grippers 0..1. topic: MEASURED or SENT."""
        return np.asarray(self._rows[topic], np.float64).reshape(-1, DIM)

    def moved(self, start_ns: int, stop_ns: int, columns: slice) -> float:
        """Largest motion of one of these joints between two stamps, rad; 0 where unmeasured."""
        stamps = np.asarray(self._stamps[MEASURED], np.int64)
        rows = self.rows(MEASURED)[(stamps >= start_ns) & (stamps <= stop_ns), columns]
        return float(np.ptp(rows, axis=0).max()) if len(rows) else 0.0

    def findings(self, rig: str, bounds: Thresholds, *, limited: bool) -> Findings:
        """rig: name or path, as the manifest has it; one that is not known is a note.

        limited: what was sent had passed this stack's limits, and so is within them exactly.
        """
        found = Findings()
        for topic, what in ((MEASURED, 'measured'), (SENT, 'sent')):
            bad = ~np.isfinite(self.rows(topic))
            for column in np.flatnonzero(bad.any(axis=0)):
                count = int(bad[:, column].sum())
                found.flaws.append(
                    f'joint {JOINT_NAMES[column]}: {count} {what} values are not finite'
                )
        if not rig:
            found.notes.append('joint ranges are not checked: the rig is not known')
            return found
        try:
            limits = load_rig(rig)
        except WamError as error:
            found.notes.append(f'joint ranges are not checked: {error}')
            return found
        lower, upper = _reach(limits)
        slack = np.zeros(DIM)
        slack[ARMS], slack[list(GRIPPERS)] = bounds.range, bounds.opening
        self._outside(MEASURED, 'measured', lower - slack, upper + slack, found)
        if limited:
            slack = np.full(DIM, _ROUNDING)
        self._outside(SENT, 'sent', lower - slack, upper + slack, found)
        return found

    def _outside(
        self,
        topic: str,
        what: str,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        found: Findings,
    ) -> None:
        rows = self.rows(topic)
        for column in np.flatnonzero(((rows < lower) | (rows > upper)).any(axis=0)):
            values = rows[np.isfinite(rows[:, column]), column]
            found.flaws.append(
                f'joint {JOINT_NAMES[column]}: {what} {values.min():.3g} to {values.max():.3g}, '
                f'expected {lower[column]:.3g} to {upper[column]:.3g}'
            )


def _reach(rig: RigSpec) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Limits, widened to the named poses: an arm may rest on its stops, outside the limits."""
    poses = (rig.start_pose, rig.sleep_pose)
    return (
        np.minimum.reduce([rig.lower, *poses]),
        np.maximum.reduce([rig.upper, *poses]),
    )
