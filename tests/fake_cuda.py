"""CUDA graphs on the CPU: a replay calls the captured function again with the same tensors.

Its result goes where that of the capture went, as on a GPU.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch

from wam_policy.cosmos.network.compilation import Captured


class Stream:
    """Everything runs at once here."""

    def __init__(self, device: Any = None) -> None:
        pass

    def wait_stream(self, other: 'Stream') -> None:
        pass


class Graph:
    """What ``torch.cuda.CUDAGraph`` offers. calls: what was called while it was captured."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def replay(self) -> None:
        for function, arguments, output in self.calls:
            output.copy_(function(*arguments))

    def pool(self) -> tuple[int, int]:
        return (0, 1)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts the fakes in place of torch.cuda's, as far as ``Captured`` uses it."""
    capturing: list[Graph] = []

    @contextmanager
    def graph(made: Graph, pool: Any = None, capture_error_mode: str = 'global') -> Iterator[None]:
        capturing.append(made)
        yield
        capturing.clear()

    construct = Captured.__init__

    def record(self: Captured, function: Any, device: torch.device) -> None:
        def recorded(*arguments: Any) -> Any:
            output = function(*arguments)
            for made in capturing:
                made.calls.append((function, arguments, output))
            return output

        construct(self, recorded, device)

    monkeypatch.setattr(Captured, '__init__', record)
    monkeypatch.setattr(torch.cuda, 'graph', graph)
    monkeypatch.setattr(torch.cuda, 'CUDAGraph', Graph)
    monkeypatch.setattr(torch.cuda, 'Stream', Stream)
    monkeypatch.setattr(torch.cuda, 'current_stream', Stream)
    monkeypatch.setattr(torch.cuda, 'stream', lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, 'device', lambda device: nullcontext())
