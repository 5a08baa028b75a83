"""Chunks on /action_chunk that no policy of ours would send."""

from functools import partial
from typing import Any

import numpy as np
from wam_msgs.msg import ActionChunk

from wam_nodes.conversions import duration_message, nanoseconds, time_message

HORIZON = 50  # of config/policies/scripted.yaml
MS = 1_000_000


class Attacker:
    """Answers each request before the policy does, with chunks that nobody may follow.

    graph: of tests/system/test_faults.py, its policy `scripted`.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph
        self._publisher = graph.ros.node.create_publisher(ActionChunk, '/action_chunk', 10)
        self._chunks: list[Any] = graph.ros.collect(ActionChunk, '/action_chunk')
        self._tick = -1
        self._kinds = {
            'not_finite': self._not_finite,
            'malformed': self._malformed,
            'wrong_dimension': self._wrong_dimension,
            'past': self._past,
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
            for number, kind in enumerate(self._kinds):
                graph.until(partial(self._refused, kind, number), f'a refusal: {kind}')
        finally:
            policy.resume()

    def _refused(self, kind: str, answered: int) -> bool:
        """Whether it was; sends it once per tick until then. answered: requests used up."""
        state = self._graph.states[-1]
        if kind in self._graph.refusals():
            return True
        if state.ticks != self._tick:
            self._tick = state.ticks
            self._send(kind, self._honest()[-1].request_id + 1 + answered)
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

    def _past(self, chunk: Any) -> None:
        chunk.header.stamp = time_message(nanoseconds(chunk.header.stamp) - 100 * MS)
        chunk.dt = duration_message(MS)

    def _out_of_range(self, chunk: Any) -> None:
        chunk.actions[5] = 1e9

    def _wrong_generation(self, chunk: Any) -> None:
        chunk.generation += 1
