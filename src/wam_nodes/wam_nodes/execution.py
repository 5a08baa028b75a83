"""The executor's core as messages: what it takes, what it sends, what it says."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from wam_msgs.msg import ActionChunk, AppliedAction, ExecutorState
from wam_msgs.srv import PredictChunk

from wam_core.chunk import ChunkFields
from wam_core.executor import Applied, ChunkRequest
from wam_core.gripper import GripperCalibration
from wam_core.joints import Vector
from wam_core.motors import split
from wam_core.status import ExecutorStatus
from wam_nodes.conversions import doubles, nanoseconds, time_message

# What an arm takes: message and topic under its namespace.
COMMANDS: Final = ((JointGroupCommand, 'joint_group'), (JointSingleCommand, 'joint_single'))


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


def arm_commands(
    command: Vector, gripper: GripperCalibration
) -> Mapping[str, tuple[JointGroupCommand, JointSingleCommand]]:
    """Side -> one message for each of COMMANDS: group 'arm' and single 'gripper', rad."""
    commands = {}
    for side, motors in split(command, gripper).items():
        *arm, angle = motors.tolist()
        commands[side] = (
            JointGroupCommand(name='arm', cmd=arm),
            JointSingleCommand(name='gripper', cmd=angle),
        )
    return commands


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
    return message


def executor_state(status: ExecutorStatus) -> ExecutorState:
    """The executor's own account of itself at its last tick."""
    message = ExecutorState()
    message.header.stamp = time_message(status.stamp_ns)
    message.state = int(status.state)
    message.mode = status.mode
    message.source = status.source
    message.task = status.task
    message.generation = status.generation
    message.stop_reason = status.stop_reason
    message.ticks = status.ticks
    message.chunks_merged = status.chunks_merged
    message.chunks_refused = status.chunks_refused
    message.refusal_reasons = list(status.refusals)
    message.refusal_counts = list(status.refusals.values())
    message.last_refusal = status.last_refusal
    message.underruns = status.underruns
    message.position_clamps = np.array(status.position_clamps, dtype=np.uint64)
    message.velocity_clamps = np.array(status.velocity_clamps, dtype=np.uint64)
    message.rows_remaining = status.rows_remaining
    message.latency_s = status.latency_s
    message.rows_skipped = status.rows_skipped
    message.tick_lateness_ms = status.tick_lateness_ms
    message.tick_lateness_max_ms = status.tick_lateness_max_ms
    return message
