"""How bad a recording may be: each bound with the reason for its default."""

import math
from dataclasses import dataclass, field, fields
from typing import Any, Final

from wam_core.errors import WamError


def _bound(default: float, unit: str, meaning: str, reason: str) -> Any:
    metadata = {'unit': unit, 'meaning': meaning, 'reason': reason}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Thresholds:
    """Bounds of ``verify``; all are positive. label: whether one without an outcome is flawed.

    Raises WamError for a bound that is not a positive number.
    """

    gap: float = _bound(
        0.25,
        's',
        'longest time without a message of a camera, an arm, the state or the executor',
        'six steps of 25 Hz: a clip for a world model would stand still',
    )
    missing: float = _bound(
        0.01,
        'share',
        'messages that never came, of a topic with a nominal rate, and ticks of the executor',
        'a USB camera loses a frame now and then; more than one in a hundred is a fault',
    )
    rate: float = _bound(
        0.1,
        'share',
        'how far a rate may be from its nominal one',
        'clocks differ by far less: the camera was set to another rate',
    )
    spread: float = _bound(
        33.4,
        'ms',
        'between the frames that the cameras took nearest to each other, 99th percentile',
        'one period of 30 Hz: what cameras that run freely can do at worst',
    )
    clock: float = _bound(
        1.0,
        's',
        'between stamp and receipt, median',
        'no transport on one machine takes so long: stamps of another clock',
    )
    freeze: float = _bound(
        0.5,
        's',
        'how long a picture may stay the same to the last bit while an arm moves',
        'a camera that runs has noise, and a moving arm changes a simulated picture',
    )
    moved: float = _bound(
        0.05,
        'rad',
        'motion of a joint that must show in the pictures',
        'an end effector that moves by about 2 cm',
    )
    range: float = _bound(
        0.1,
        'rad',
        "how far a measured joint may be outside the rig's limits and named poses",
        'stops give way by less: a motor was mounted or calibrated wrongly',
    )
    opening: float = _bound(
        0.2,
        'of 0..1',
        'how far a measured gripper may be below 0 or above 1',
        'a gripper that presses gets to about -0.1; beyond it is another calibration profile',
    )
    label: bool = False

    def __post_init__(self) -> None:
        for name in BOUNDS:
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise WamError(f'threshold {name} = {value!r}, expected a positive number')


BOUNDS: Final = {entry.name: entry.metadata for entry in fields(Thresholds) if entry.metadata}
"""Name -> unit, meaning and reason of each bound."""
