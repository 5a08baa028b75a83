"""Targets that come one by one, from a person's leader arms or from a recording."""

import numpy as np

from wam_core.aim import Aim
from wam_core.chunk import MAX_MAGNITUDE, Refusal, RefusalReason
from wam_core.joints import DIM, JOINT_NAMES, Vector
from wam_core.motion_limits import MotionLimits
from wam_core.requests import ChunkRequest
from wam_core.splice import Fade, fade
from wam_core.spline import Motion


class TargetSource:
    """The sources ``teleop`` and ``replay``: the newest target, spliced in.

    timeout_s: a target older than this is none; the arms come to rest.
    """

    def __init__(
        self,
        splice_s: float,
        timeout_s: float,
        future_s: float,
        limits: MotionLimits,
        period_ns: int,
    ) -> None:
        self._splice_s = splice_s
        self._timeout_s = timeout_s
        self._future_s = future_s
        self._limits = limits
        self._period_s = period_ns / 1e9
        self._stamp_ns: int | None = None
        self._target = np.zeros(DIM)
        self._velocity = np.zeros(DIM)
        self._fade: Fade | None = None
        self._since_ns = 0

    def offer(self, position: Vector, stamp_ns: int, now_ns: int) -> Refusal | None:
        """Takes a target, (14,) rad, grippers 0..1, or says why not."""
        refusal = check(position) or self._age(stamp_ns, now_ns)
        if refusal is not None:
            return refusal
        target = np.array(position, dtype=np.float64)
        self._velocity = np.zeros(DIM)
        if self._stamp_ns is not None:
            between_s = (stamp_ns - self._stamp_ns) / 1e9
            if between_s <= self._timeout_s:
                slope = (target - self._target) / between_s
                self._velocity = np.clip(slope, -self._limits.velocity, self._limits.velocity)
        self._target, self._stamp_ns = target, stamp_ns
        return None

    def follow(self, now_ns: int, command: Motion) -> Aim | None:
        """The newest target, with what is left of the splice; None when it is too old."""
        if self._stamp_ns is None or (now_ns - self._stamp_ns) / 1e9 > self._timeout_s:
            self._fade = None
            return None
        if self._fade is None:
            self.rejoin(now_ns, command)
        assert self._fade is not None
        left = self._fade.at((now_ns - self._since_ns) / 1e9)
        position, velocity = self._target, self._velocity
        if left is not None:
            position, velocity = position + left.position, velocity + left.velocity
        steps = np.arange(3)[:, None] * self._period_s
        return Aim(position + steps * velocity)

    def rejoin(self, now_ns: int, command: Motion) -> None:
        """Splices the target to where the arms are."""
        following = Motion(self._target, self._velocity, np.zeros(DIM))
        self._fade = fade(command, following, self._splice_s, self._limits)
        self._since_ns = now_ns

    def ask(self, now_ns: int) -> ChunkRequest | None:
        """Nothing is asked for: targets come by themselves."""
        return None

    def end(self) -> None:
        """Forgets the target."""
        self._stamp_ns = None

    def _age(self, stamp_ns: int, now_ns: int) -> Refusal | None:
        age_s = (now_ns - stamp_ns) / 1e9
        if age_s < -self._future_s:
            return Refusal(
                RefusalReason.FUTURE,
                f'target is {-age_s:.3f} s ahead of now, allowed {self._future_s:g} s '
                '(future_tolerance_s)',
            )
        if age_s > self._timeout_s:
            return Refusal(
                RefusalReason.STALE,
                f'target is {age_s:.3f} s old, allowed {self._timeout_s:g} s (target_timeout_s)',
            )
        if self._stamp_ns is not None and stamp_ns <= self._stamp_ns:
            # After the clock went back, what is kept lies in the future and is worth nothing.
            if (self._stamp_ns - now_ns) / 1e9 > self._future_s:
                self._stamp_ns = None
                return None
            return Refusal(RefusalReason.DUPLICATE, 'target is not newer than the one before')
        return None


def check(position: Vector) -> Refusal | None:
    """Why a target can't be followed, if so."""
    if np.shape(position) != (DIM,):
        shape = np.shape(position)
        return Refusal(RefusalReason.WRONG_DIMENSION, f'target of shape {shape}, allowed ({DIM},)')
    bad = ~(np.abs(position) <= MAX_MAGNITUDE)
    if not bad.any():
        return None
    index = int(bad.argmax())
    value = float(position[index])
    reason = RefusalReason.OUT_OF_RANGE if np.isfinite(value) else RefusalReason.NOT_FINITE
    return Refusal(
        reason,
        f'target {JOINT_NAMES[index]} = {value:g}, allowed -{MAX_MAGNITUDE:g} to '
        f'{MAX_MAGNITUDE:g}',
    )
