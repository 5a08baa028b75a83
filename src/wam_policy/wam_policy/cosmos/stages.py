"""How long the stages of an inference take."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch


class Stages:
    """Adds up milliseconds by stage. A GPU is waited for at both ends of a stage.

    clock: seconds of a clock that only goes forward.
    """

    def __init__(
        self, device: torch.device, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self._device = device
        self._clock = clock
        self.ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is done inside."""
        self._wait()
        start = self._clock()
        yield
        self._wait()
        self.ms[name] = self.ms.get(name, 0.0) + (self._clock() - start) * 1e3

    def _wait(self) -> None:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
