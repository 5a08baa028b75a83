"""Chunks on /action_chunk that no policy of ours would send."""

from functools import partial
from typing import Any

import numpy as np
from wam_msgs.msg import ActionChunk

from wam_nodes.conversions import duration_message, nanoseconds, time_message

HORIZON = 50  # of config/policies/scripted.yaml
MS = 1_000_000
REQUESTS = 16  # more than are used up in an attack; an answer to one that is not out is refused


class Attacker:
    """Answers each request before the policy does, with chunks that nobody may follow.

    graph: a fault_graph.Graph, its policy `scripted`.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._publisher = graph.ros.node.create_publisher(ActionChunk, '/action_chunk', REQUESTS)
        self._chunks: list[Any] = graph.ros.collect(ActionChunk, '/action_chunk')
        self._tick = -1
        self._kinds = {
            'not_finite': self._not_finite,
            'malformed': self._malformed,
            'wrong_dimension': self._wrong_dimension,
            'stale': self._stale,
            'future': self._future,
            'out_of_range': self._out_of_range,
            'wrong_generation': self._wrong_generation,
        }

    def attack(self) -> None:
        """Sends them until each kind was refused for what it is.

        The policy is held up meanwhile, or it would nearly always be first.
        """
        graph = self._graph
        graph.until(self._honest, 'a chunk of the policy')
        (policy,) = graph.stack.processes('policy')
        policy.suspend()
        try:
            for kind in self._kinds:
                graph.until(partial(self._refused, kind), f'a refusal: {kind}')
        finally:
            policy.resume()

    def _refused(self, kind: str) -> bool:
        """Whether it was; until then sends it once per tick, for each request that may be out."""
        state = self._graph.states[-1]
        if kind in self._graph.refusals():
            return True
        if state.ticks != self._tick:
            self._tick = state.ticks
            last = self._honest()[-1].request_id
            for request_id in range(last + 1, last + 1 + REQUESTS):
                self._send(kind, request_id)
        return False

    def _honest(self) -> list[Any]:
        """The policy's own chunks in this run."""
        generation = self._graph.states[-1].generation
        return [
            chunk
            for chunk in self._chunks
            if chunk.policy == 'scripted' and chunk.generation == generation
        ]

    def _send(self, kind: str, request_id: int) -> None:
        last = self._honest()[-1]
        chunk = ActionChunk(
            request_id=request_id,
            generation=last.generation,
            task=last.task,
            policy='hostile',
            dt=duration_message(40 * MS),
            horizon=HORIZON,
            action_dim=14,
            actions=[0.5] * (HORIZON * 14),
        )
        chunk.header.stamp = self._graph.states[-1].header.stamp
        self._kinds[kind](chunk)
        self._publisher.publish(chunk)

    def _not_finite(self, chunk: Any) -> None:
        chunk.actions[5] = np.nan

    def _malformed(self, chunk: Any) -> None:
        chunk.actions = chunk.actions[:-1]

    def _wrong_dimension(self, chunk: Any) -> None:
        chunk.action_dim, chunk.actions = 7, [0.5] * (HORIZON * 7)

    def _stale(self, chunk: Any) -> None:
        chunk.header.stamp = time_message(max(0, nanoseconds(chunk.header.stamp) - 20_000 * MS))

    def _future(self, chunk: Any) -> None:
        chunk.header.stamp = time_message(nanoseconds(chunk.header.stamp) + 5_000 * MS)

    def _out_of_range(self, chunk: Any) -> None:
        chunk.actions[5] = 1e9

    def _wrong_generation(self, chunk: Any) -> None:
        chunk.generation += 1
