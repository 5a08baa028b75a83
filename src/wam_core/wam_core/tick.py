"""What one tick of the executor gives: a command, its record, and perhaps a request."""

from dataclasses import dataclass

from wam_core.joints import Vector
from wam_core.limiter import Flags
from wam_core.requests import ChunkRequest


@dataclass(frozen=True)
class Applied:
    """One tick, the fields of wam_msgs/AppliedAction. Vectors: (14,) rad, grippers 0..1.

    source: policy, teleop, replay, homing or hold. request_id: 0 without a chunk; row: -1 without
    one.
    """

    stamp_ns: int
    source: str
    request_id: int
    row: float
    requested: Vector
    limited: Vector
    measured: Vector
    measured_stamp_ns: int
    position_clamped: Flags
    velocity_clamped: Flags
    acceleration_clamped: Flags
    jerk_clamped: Flags


@dataclass(frozen=True)
class Tick:
    """command: (14,) to send now; None: send nothing. request: to send to the policy now."""

    command: Vector | None = None
    applied: Applied | None = None
    request: ChunkRequest | None = None
