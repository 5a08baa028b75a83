"""Frames of free-running cameras in the order in which they arrive, made from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_START_NS = 1_700_000_000_000_000_000  # a ROS time as real cameras have it


@dataclass(frozen=True)
class Arrival:
    """camera: index. stamp_ns: capture time. arrival_ns: when it reaches the matcher."""

    camera: int
    stamp_ns: int
    arrival_ns: int


@dataclass(frozen=True)
class Jitter:
    """How frames deviate from an even rate.

    capture_ms: standard deviation of the capture time. delay_ms: least and greatest time from
    capture to arrival. loss: probability that a frame never arrives.
    """

    capture_ms: float = 1.5
    delay_ms: tuple[float, float] = (4.0, 16.0)
    loss: float = 0.002


def make_arrivals(
    cameras: int, rate_hz: float, seconds: float, jitter: Jitter, seed: int
) -> list[Arrival]:
    """All frames of ``cameras`` cameras with phases drawn at random, sorted by arrival.

    Each camera's own frames stay in order, as on a reliable topic.
    """
    rng = np.random.default_rng(seed)
    frames = round(rate_hz * seconds)
    arrivals = []
    for camera in range(cameras):
        due_ms = (np.arange(frames) + rng.uniform()) * 1e3 / rate_hz
        stamps = np.sort(due_ms + rng.normal(0.0, jitter.capture_ms, frames))
        arrived = np.maximum.accumulate(stamps + rng.uniform(*jitter.delay_ms, frames))
        kept = rng.uniform(size=frames) >= jitter.loss
        for stamp, arrival in zip(stamps[kept], arrived[kept], strict=True):
            arrivals.append(Arrival(camera, _nanoseconds(stamp), _nanoseconds(arrival)))
    return sorted(arrivals, key=lambda item: (item.arrival_ns, item.camera))


def most_sets(arrivals: Sequence[Arrival], cameras: int, slop_ns: int) -> int:
    """The greatest number of disjoint sets with spread <= slop that any matching finds.

    Takes the heads of the cameras' queues when they fit and drops the oldest head when not. That
    is optimal: frames to come are newer still, so the oldest head fits with none of them; and any
    matching can exchange its first set for heads that fit without losing a later set.
    """
    queues = [
        sorted(item.stamp_ns for item in arrivals if item.camera == camera)
        for camera in range(cameras)
    ]
    heads = [0] * cameras
    sets = 0
    while all(head < len(queue) for head, queue in zip(heads, queues, strict=True)):
        stamps = [queue[head] for head, queue in zip(heads, queues, strict=True)]
        if max(stamps) - min(stamps) <= slop_ns:
            sets += 1
            heads = [head + 1 for head in heads]
        else:
            heads[stamps.index(min(stamps))] += 1
    return sets


def _nanoseconds(milliseconds: float) -> int:
    return _START_NS + round(milliseconds * 1e6)
