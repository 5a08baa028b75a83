"""A scripted person at the leaders of the simulated rig: looks, and moves the hands."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from wam_bringup.config import load_policy
from wam_core.joints import ARMS, DIM, GRIPPERS, Vector
from wam_core.policy import InferenceRequest, Observation
from wam_sim.expert.policy import ScriptedPolicy

_LOOK_NS: Final = 400_000_000  # between two looks at the scene
_SIT_NS: Final = 600_000_000  # after the last move, until the hands open for the gesture
_TREMOR_HZ: Final = (0.7, 1.9, 5.3)  # from drifting hands to trembling ones
_WIDE_OPEN: Final = 1.0
_CLOSED: Final = 0.0
_REQUEST: Final = InferenceRequest(0, '', 'async', np.empty((0, DIM)))
_NO_IMAGES: Final = np.empty((0, 0, 0, 3), np.uint8)
_NO_VALUES: Final = np.zeros(DIM)


@dataclass(frozen=True)
class PersonConfig:
    """speed: 0..1, of the expert's moves. tremor_rad: amplitude of each joint's shaking.

    misjudged_m: standard deviation of where the person takes objects to be. seed: of the tremor.
    """

    speed: float = 0.8
    tremor_rad: float = 0.0
    misjudged_m: float = 0.0
    seed: int = 0


class ScriptedPerson:
    """The expert of the scene's task, as a person performs it: with eyes, hands and patience.

    Times are ns on one clock. Joints are those of the followers, (14,) rad and openings: where a
    person wants the robot's arms to be, the leaders are held.
    """

    def __init__(self, config: PersonConfig) -> None:
        self._config = config
        policy = load_policy('scripted')
        options = {'misjudged_m': config.misjudged_m} if config.misjudged_m else {}
        self._expert = ScriptedPolicy(replace(policy, options=options))
        random = np.random.default_rng(config.seed)
        self._phases = random.uniform(0.0, 2.0 * np.pi, (len(_TREMOR_HZ), DIM))
        self._begun_ns = 0
        self._looked_ns: int | None = None

    def begin(self, now_ns: int) -> None:
        """Takes the leaders by the hand: a new attempt, from wherever the arms are."""
        self._expert.reset('')
        self._begun_ns = now_ns
        self._looked_ns = None

    def look(self, now_ns: int, arms: Vector, objects: Mapping[str, Vector]) -> None:
        """Sees the arms, (14,), and the objects, (7,) poses, and thinks again now and then.

        Raises WamError for objects that no expert knows, or that are out of reach.
        """
        if self._looked_ns is not None and 0 <= now_ns - self._looked_ns < _LOOK_NS:
            return
        stamp_ns = self._own_ns(now_ns)
        seen = Observation(stamp_ns, _NO_IMAGES, arms, _NO_VALUES, _NO_VALUES, objects)
        self._expert.infer(seen, _REQUEST)
        self._looked_ns = now_ns

    def hands(self, now_ns: int) -> Vector | None:
        """Where the hands are now, (14,); None before the first look.

        When all is done they open wide: the gesture that ends a demonstration.
        """
        progress = self._expert.progress
        if progress is None or self._looked_ns is None:
            return None
        plan, phase_s = progress
        since_look = self._own_ns(now_ns) - self._own_ns(self._looked_ns)
        time_s = phase_s + since_look / 1e9
        place: Vector = plan.at(np.array([time_s]))[0]
        last_s = (len(plan.positions) - 1) * plan.dt_s
        if (time_s - last_s) * 1e9 > _SIT_NS:
            place[list(GRIPPERS)] = _WIDE_OPEN
            return place
        place[ARMS] += self._tremor(now_ns)[ARMS]
        return place

    def _own_ns(self, now_ns: int) -> int:
        """Time as the expert's plan passes: slower for a person who is slower."""
        return round((now_ns - self._begun_ns) * self._config.speed)

    def _tremor(self, now_ns: int) -> Vector:
        angles = 2.0 * np.pi * np.array(_TREMOR_HZ)[:, None] * (now_ns / 1e9) + self._phases
        shaking: Vector = np.sin(angles).mean(axis=0) * self._config.tremor_rad
        return shaking


def squeezing(leaders: Vector) -> Vector:
    """The hands of a person who closes both grippers, (14,), with the leaders where they are."""
    hands: Vector = leaders.copy()
    hands[list(GRIPPERS)] = _CLOSED
    return hands
