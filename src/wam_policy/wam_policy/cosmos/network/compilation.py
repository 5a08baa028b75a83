"""torch.compile with static shapes, and CUDA graphs.

A graph is captured by hand and not by torch.compile's 'reduce-overhead': that one copies every
input that isn't a weight at each call, the keys and values of the text (117 MB) included, and
takes memory per graph where these share one pool.
"""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, Final, TypeVar, cast

import torch
from torch import Tensor

from wam_core.errors import WamError

Function = TypeVar('Function', bound=Callable[..., Any])

# torch.compile compiles once per shape and gives up after 8 by default; a planner has more.
SHAPES: Final = 64
# Before a capture: compilation, and what cuBLAS and cuDNN set up at the first calls.
REHEARSALS: Final = 3
# Inductor leaves out the roundings to bfloat16 between operations that it puts into one kernel.
# The official code is eager and makes them: without them, latents of images are two thirds as
# far from its own as bfloat16 is from float32.
OPTIONS: Final = {'emulate_precision_casts': True}


def wanted(option: str, device: torch.device) -> bool:
    """What ``savings.compile`` means on a device: 'on', 'off', or 'auto' (on a GPU)."""
    return option == 'on' or (option == 'auto' and device.type == 'cuda')


def compiled(function: Function) -> Function:
    """The function through Inductor, once per set of input shapes. Not for Python values.

    It rounds where the function itself does.
    """
    from torch._dynamo import config  # seconds, for those who compile only

    made: Any = torch.compile(function, dynamic=False, fullgraph=True, options=dict(OPTIONS))

    @wraps(function)
    def call(*arguments: Any) -> Any:
        # At each call: PyTorch's settings are per thread, and a node infers in another one than
        # it warms up in.
        with config.patch(recompile_limit=SHAPES):
            return made(*arguments)

    return cast(Function, call)


class Captured:
    """A function of tensors, replayed as a CUDA graph; one graph per set of input shapes.

    function: ``function(*inputs, *held) -> Tensor`` on one device, without synchronisation.
    Calls must not overlap. The tensors it closes over (weights) must stay where they are.
    """

    def __init__(self, function: Callable[..., Tensor], device: torch.device) -> None:
        self._function = function
        self._device = device
        self._graphs: dict[tuple[Any, ...], _Graph] = {}
        self._held: dict[tuple[Any, ...], _Held] = {}
        self._pool: Any = None

    @property
    def graphs(self) -> int:
        """How many sets of shapes were captured."""
        return len(self._graphs)

    def __call__(self, inputs: Sequence[Tensor], held: Sequence[Tensor] = ()) -> Tensor:
        """A new tensor with the result.

        held: inputs that seldom change; copied only when they are other tensors than last time.
        Raises WamError when the capture fails; ``torch.OutOfMemoryError`` passes through.
        """
        with torch.cuda.device(self._device):
            key = (_shapes(inputs), _shapes(held))
            kept = self._held.get(key[1]) or self._held.setdefault(key[1], _Held(held))
            kept.take(held)
            if key not in self._graphs:
                self._graphs[key] = self._capture(inputs, kept.buffers)
            return self._graphs[key].replay(inputs)

    def _capture(self, inputs: Sequence[Tensor], held: tuple[Tensor, ...]) -> '_Graph':
        buffers = _buffers(inputs)
        _copy(buffers, inputs)
        side = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream(self._device))
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.stream(side):
                for _ in range(REHEARSALS):
                    self._function(*buffers, *held)
            torch.cuda.current_stream(self._device).wait_stream(side)
            # thread_local: other threads of the node may use the GPU meanwhile.
            with torch.cuda.graph(graph, pool=self._pool, capture_error_mode='thread_local'):
                output = self._function(*buffers, *held)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise WamError(
                f'no CUDA graph on {self._device}: {error}; '
                'option savings.compile: off runs without'
            ) from error
        self._pool = graph.pool()
        return _Graph(graph, buffers, output)


class _Graph:
    def __init__(
        self, graph: torch.cuda.CUDAGraph, buffers: tuple[Tensor, ...], output: Tensor
    ) -> None:
        self._graph = graph
        self._buffers = buffers
        self._output = output

    def replay(self, inputs: Sequence[Tensor]) -> Tensor:
        _copy(self._buffers, inputs)
        self._graph.replay()
        # The graphs share memory: the next replay overwrites this output.
        return self._output.clone()


class _Held:
    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.buffers = _buffers(tensors)
        self._last: tuple[Tensor, ...] = ()

    def take(self, tensors: Sequence[Tensor]) -> None:
        same = len(tensors) == len(self._last) and all(
            new is old for new, old in zip(tensors, self._last, strict=True)
        )
        if not same:
            _copy(self.buffers, tensors)
            self._last = tuple(tensors)


def _buffers(tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(
        torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device) for tensor in tensors
    )


def _copy(buffers: Sequence[Tensor], tensors: Sequence[Tensor]) -> None:
    for buffer, tensor in zip(buffers, tensors, strict=True):
        buffer.copy_(tensor)


def _shapes(tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    return tuple((tuple(tensor.shape), tensor.dtype) for tensor in tensors)
