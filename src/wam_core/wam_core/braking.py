"""Coming to rest within acceleration and jerk limits, on the grid of the control ticks.

Everything is per tick: a velocity is the step to the next command, an acceleration the change of
that step, a jerk the change of that change. What the limits bound are therefore exactly the
finite differences of the commands that are sent.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def ramp(total: Any, jerk: Any) -> Array:
    """The first of the accelerations x, x - J, x - 2J, ... down to 0 whose sum is ``total``.

    The sum with n whole steps of J after the first is (n + 1) x - J n (n + 1) / 2; n is the
    largest whole number for which x >= n J.
    """
    size = np.abs(total)
    steps = np.floor((np.sqrt(1.0 + 8.0 * size / jerk) - 1.0) / 2.0)
    first: Array = np.copysign((size + jerk * steps * (steps + 1.0) / 2.0) / (steps + 1.0), total)
    return first


def brake(velocity: Any, acceleration: Any, most: Any, jerk: Any) -> Array:
    """The next acceleration on the quickest way to rest that doesn't overshoot it.

    most: largest acceleration. A function of the state alone, so the way that it leads to from a
    state is the rest of the way from the state before.
    """
    wanted = ramp(-velocity, jerk)
    bounded = np.minimum(np.maximum(wanted, acceleration - jerk), acceleration + jerk)
    found: Array = np.minimum(np.maximum(bounded, -most), most)
    return found


def ticks_to_rest(velocity: float, acceleration: float, jerk: float) -> int:
    """How many ticks braking takes at most, from any state within these limits."""
    return math.ceil(velocity / acceleration + 3.0 * acceleration / jerk) + 6


def way(
    velocity: Array, acceleration: Array, most: Array, jerk: Array, ticks: int
) -> tuple[Array, Array, Array]:
    """Where braking leads, from the present position: (end, lowest, highest).

    Shapes broadcast. Stops early when everything has come to rest.
    """
    velocity, acceleration = velocity.copy(), acceleration.copy()
    position = np.zeros_like(velocity)
    lowest, highest = position.copy(), position.copy()
    for _ in range(ticks):
        acceleration = brake(velocity, acceleration, most, jerk)
        velocity = velocity + acceleration
        position = position + velocity
        lowest = np.minimum(lowest, position)
        highest = np.maximum(highest, position)
        if not velocity.any() and not acceleration.any():
            break
    return position, lowest, highest
