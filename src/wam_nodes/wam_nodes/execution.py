"""The executor's core as messages: what it takes, what it sends, what it says."""

import numpy as np
from wam_msgs.msg import ActionChunk, AppliedAction, ExecutorState, MotorHealth
from wam_msgs.srv import PredictChunk

from wam_core.chunk import ChunkFields
from wam_core.requests import ChunkRequest
from wam_core.status import ExecutorStatus
from wam_core.tick import Applied
from wam_core.watchdog import MotorReading
from wam_nodes.conversions import doubles, nanoseconds, time_message


def chunk_fields(message: ActionChunk) -> ChunkFields:
    """A chunk as it came, unchecked."""
    return ChunkFields(
        request_id=message.request_id,
        generation=message.generation,
        task=message.task,
        t_obs_ns=nanoseconds(message.header.stamp),
        dt_ns=nanoseconds(message.dt),
        horizon=message.horizon,
        action_dim=message.action_dim,
        actions=message.actions,
        prefix_rows=message.prefix_rows,
        error=message.error,
    )


def predict_request(request: ChunkRequest) -> PredictChunk.Request:
    """The service request of what the core asks for."""
    return PredictChunk.Request(
        request_id=request.request_id,
        generation=request.generation,
        task=request.task,
        mode=request.mode,
        not_before=time_message(request.not_before_ns),
        prefix_rows=len(request.prefix),
        prefix=doubles(request.prefix),
        prefix_start=time_message(request.prefix_start_ns),
    )


def applied_action(applied: Applied) -> AppliedAction:
    """The record of one tick."""
    message = AppliedAction()
    message.header.stamp = time_message(applied.stamp_ns)
    message.source = applied.source
    message.request_id = applied.request_id
    message.row = applied.row
    message.requested = applied.requested
    message.limited = applied.limited
    message.measured = applied.measured
    message.measured_stamp = time_message(applied.measured_stamp_ns)
    message.position_clamped = applied.position_clamped.tolist()
    message.velocity_clamped = applied.velocity_clamped.tolist()
    message.acceleration_clamped = applied.acceleration_clamped.tolist()
    message.jerk_clamped = applied.jerk_clamped.tolist()
    return message


def motor_reading(message: MotorHealth) -> MotorReading:
    """What the motors of an arm say; of arrays of different lengths the common part."""
    rows = list(
        zip(
            message.motors,
            message.error_status,
            message.temperature,
            message.voltage,
            strict=False,
        )
    )
    motors, errors, temperatures, voltages = zip(*rows, strict=True) if rows else ((),) * 4
    return MotorReading(message.robot, motors, errors, temperatures, voltages)


def executor_state(status: ExecutorStatus, missed: int, scheduling: str) -> ExecutorState:
    """The executor's own account of itself at its last tick.

    missed: periods without a tick. scheduling: of the control thread.
    """
    message = ExecutorState()
    message.header.stamp = time_message(status.stamp_ns)
    message.state = int(status.state)
    message.mode = status.mode
    message.source = status.source
    message.task = status.task
    message.generation = status.generation
    message.stop_reason = status.stop_reason
    message.pose = status.pose
    message.faults = [fault.text for fault in status.faults]
    message.at_rest = status.at_rest
    message.ticks = status.ticks
    message.chunks_merged = status.chunks_merged
    message.chunks_refused = status.chunks_refused
    message.refusal_reasons = list(status.refusals)
    message.refusal_counts = list(status.refusals.values())
    message.last_refusal = status.last_refusal
    message.inactive_messages = status.inactive_messages
    message.underruns = status.underruns
    message.position_clamps = np.array(status.position_clamps, dtype=np.uint64)
    message.velocity_clamps = np.array(status.velocity_clamps, dtype=np.uint64)
    message.acceleration_clamps = np.array(status.acceleration_clamps, dtype=np.uint64)
    message.jerk_clamps = np.array(status.jerk_clamps, dtype=np.uint64)
    message.rows_remaining = status.rows_remaining
    message.latency_s = status.latency_s
    message.rows_skipped = status.rows_skipped
    message.splice_rad = status.splice_rad
    message.tick_lateness_ms = status.tick_lateness_ms
    message.tick_lateness_max_ms = status.tick_lateness_max_ms
    message.ticks_missed = missed
    message.scheduling = scheduling
    return message
