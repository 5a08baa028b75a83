"""The cameras of the simulated rig: when a picture is taken, and its way to who reads it."""

from dataclasses import dataclass

import numpy as np

from wam_core.policy import Image
from wam_sim.delay import DelayLine


@dataclass(frozen=True)
class Frame:
    """stamp_ns: when it was taken. image: (480, 640, 3) RGB8."""

    camera: str
    stamp_ns: int
    image: Image


class Camera:
    """A camera that runs by itself: takes a picture every period, which arrives when it does."""

    def __init__(self, name: str, rate_hz: float) -> None:
        self.name = name
        self.rate_hz = rate_hz
        self.line: DelayLine[Frame] = DelayLine(round(1e9 / rate_hz))
        # Whether anyone looks: a picture costs 10 ms of a core.
        self.watched = True
        self._taken = 0
        self._start_ns = 0

    def restart(self, now_ns: int, random: np.random.Generator) -> None:
        """The first picture is due now; pictures in transit are lost."""
        self._start_ns = now_ns
        self._taken = 0
        self.line.restart(random)

    def due(self, now_ns: int) -> bool:
        """Whether a picture is to be taken. Counts in whole periods: no drift."""
        return now_ns >= self._start_ns + round(self._taken * 1e9 / self.rate_hz)

    def take(self, image: Image, now_ns: int) -> None:
        """The picture of now sets off."""
        self._taken += 1
        self.line.put(Frame(self.name, now_ns, image), now_ns)

    def skip(self) -> None:
        """A picture that is not taken."""
        self._taken += 1
