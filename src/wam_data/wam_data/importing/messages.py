"""CDR messages of an imported episode, with NaN or nothing for what nobody measured."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from wam_core.joints import DIM, Vector
from wam_data.definitions import Definitions

PROPRIOCEPTION: Final = '/proprioception'
APPLIED_ACTION: Final = '/applied_action'
EXECUTOR_STATE: Final = '/executor_state'
EPISODE_EVENT: Final = '/episode_event'
TYPES: Final = {
    PROPRIOCEPTION: 'wam_msgs/msg/Proprioception',
    APPLIED_ACTION: 'wam_msgs/msg/AppliedAction',
    EXECUTOR_STATE: 'wam_msgs/msg/ExecutorState',
    EPISODE_EVENT: 'wam_msgs/msg/EpisodeEvent',
}
SOURCE: Final = 'imported'
"""Source of the actions: a person or a policy, the file doesn't say which."""
_RUNNING: Final = 1  # ExecutorState.RUNNING
_COUNTS: Final = (
    *('ticks', 'chunks_merged', 'chunks_refused', 'inactive_messages', 'underruns'),
    *('rows_remaining', 'rows_skipped', 'ticks_missed'),
)
_UNKNOWN: Final = np.full(DIM, math.nan)


class Messages:
    """Serializes. definitions: of the installed message packages."""

    def __init__(self, definitions: Definitions) -> None:
        self._types = get_typestore(Stores.EMPTY)
        for name in TYPES.values():
            self._types.register(get_types_from_msg(definitions.find(name).text, name))

    def proprioception(
        self,
        stamp_ns: int,
        state: Vector,
        velocity: Vector | None,
        effort: Vector | None,
        gripper_angle: Vector,
    ) -> bytes:
        """state: (14,) rad, grippers 0..1. velocity: (14,) per second. effort: (14,) mA.

        gripper_angle: (2,) rad, of the motors.
        """
        nowhere = self._make('geometry_msgs/msg/Point', x=math.nan, y=math.nan, z=math.nan)
        unturned = self._make(
            'geometry_msgs/msg/Quaternion', x=math.nan, y=math.nan, z=math.nan, w=math.nan
        )
        pose = self._make('geometry_msgs/msg/Pose', position=nowhere, orientation=unturned)
        return self._bytes(
            TYPES[PROPRIOCEPTION],
            header=self._header(stamp_ns),
            position=state,
            velocity=_UNKNOWN if velocity is None else velocity,
            effort=_UNKNOWN if effort is None else effort,
            gripper_angle=gripper_angle,
            end_effector=[pose, pose],
            arm_stamps=[self._time(stamp_ns)] * 2,
        )

    def applied_action(self, stamp_ns: int, action: Vector, state: Vector) -> bytes:
        """action, state: (14,) rad, grippers 0..1. What was asked for is what was sent."""
        free = np.zeros(DIM, np.bool_)
        return self._bytes(
            TYPES[APPLIED_ACTION],
            header=self._header(stamp_ns),
            source=SOURCE,
            request_id=0,
            row=-1.0,
            requested=action,
            limited=action,
            measured=state,
            measured_stamp=self._time(stamp_ns),
            position_clamped=free,
            velocity_clamped=free,
            acceleration_clamped=free,
            jerk_clamped=free,
        )

    def executor_state(self, stamp_ns: int, task: str) -> bytes:
        """Of a run that follows the actions; nothing of how it was timed."""
        counts = dict.fromkeys(_COUNTS, 0)
        clamps = {
            f'{limit}_clamps': np.zeros(DIM, np.uint64)
            for limit in ('position', 'velocity', 'acceleration', 'jerk')
        }
        times = ('latency_s', 'splice_rad', 'tick_lateness_ms', 'tick_lateness_max_ms')
        texts = ('mode', 'stop_reason', 'pose', 'last_refusal', 'scheduling')
        return self._bytes(
            TYPES[EXECUTOR_STATE],
            header=self._header(stamp_ns),
            state=_RUNNING,
            source=SOURCE,
            task=task,
            generation=1,
            faults=[],
            at_rest=False,
            refusal_reasons=[],
            refusal_counts=np.zeros(0, np.uint64),
            **dict.fromkeys(texts, ''),
            **counts,
            **clamps,
            **dict.fromkeys(times, math.nan),
        )

    def event(self, stamp_ns: int, text: str, data: Mapping[str, object]) -> bytes:
        """That this is an import, and of what."""
        return self._bytes(
            TYPES[EPISODE_EVENT],
            header=self._header(stamp_ns),
            node='import',
            kind='import',
            text=text,
            data=json.dumps(data),
        )

    def _header(self, stamp_ns: int) -> Any:
        return self._make('std_msgs/msg/Header', stamp=self._time(stamp_ns), frame_id='')

    def _time(self, stamp_ns: int) -> Any:
        seconds, nanoseconds = divmod(stamp_ns, 1_000_000_000)
        return self._make('builtin_interfaces/msg/Time', sec=seconds, nanosec=nanoseconds)

    def _make(self, message_type: str, **fields: Any) -> Any:
        return self._types.types[message_type](**fields)

    def _bytes(self, message_type: str, **fields: Any) -> bytes:
        message = self._make(message_type, **fields)
        return bytes(self._types.serialize_cdr(message, message_type))
