"""How episodes are put on a grid."""

from dataclasses import dataclass
from typing import Final

from wam_core.errors import WamError
from wam_core.gripper_scale import SCALES

METHODS: Final = ('as_of', 'nearest')
ACTIONS: Final = ('sent', 'requested')
SPANS: Final = ('active', 'whole')
_NANOSECONDS: Final = 1_000_000_000


@dataclass(frozen=True)
class ExportSettings:
    """rate_hz: rows per second, 1 to 200.

    method: of observations; as_of: the newest sample at or before the row, so that no row knows
    its future; nearest: the nearest one. max_hold_s: no sample may be further from its row.
    cameras: names, in this order; empty: all that the episode has, by name. action: what was sent
    to the arms after the limits, or what was requested of the executor. span: from the first to
    the last tick that followed a source, or the whole recording. gripper_state: what the grippers'
    0..1 are linear in, in states: the motor's angle, as in actions, or the finger's position, as
    ALOHA's own software records it (wam_core.gripper_scale). Raises WamError.
    """

    rate_hz: float = 25.0
    method: str = 'as_of'
    max_hold_s: float = 0.5
    cameras: tuple[str, ...] = ()
    action: str = 'sent'
    span: str = 'active'
    gripper_state: str = 'angle'

    def __post_init__(self) -> None:
        if not 1.0 <= self.rate_hz <= 200.0:
            raise WamError(f'rate {self.rate_hz:g} Hz, allowed 1 to 200 (--rate)')
        if not 0.0 < self.max_hold_s <= 60.0:
            raise WamError(f'hold of {self.max_hold_s:g} s, allowed up to 60 (--max-hold)')
        for name, value, allowed in (
            ('method', self.method, METHODS),
            ('action', self.action, ACTIONS),
            ('span', self.span, SPANS),
            ('gripper-state', self.gripper_state, SCALES),
        ):
            if value not in allowed:
                raise WamError(f'{name} {value!r}, expected one of {list(allowed)} (--{name})')
        if len(set(self.cameras)) != len(self.cameras):
            raise WamError(f'cameras {list(self.cameras)}: one of them twice (--cameras)')

    @property
    def period_ns(self) -> int:
        """Between rows."""
        return round(_NANOSECONDS / self.rate_hz)

    @property
    def max_hold_ns(self) -> int:
        """Largest distance of a sample from its row."""
        return round(self.max_hold_s * _NANOSECONDS)
