"""How long the stages of an inference take."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch


class Stages:
    """Adds up milliseconds by stage. A GPU is waited for at both ends of a stage."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self.ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what is done inside."""
        self._wait()
        start = time.perf_counter()
        yield
        self._wait()
        self.ms[name] = self.ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3

    def _wait(self) -> None:
        if self._device.type == 'cuda':
            torch.cuda.synchronize(self._device)
