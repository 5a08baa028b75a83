"""The fields of messages that readers of episodes look at, and whether a definition has them.

A recording embeds the definitions that it was made with, which need not be ours of today.
"""

from collections.abc import Mapping
from typing import Any, Final

from rosbags.interfaces import Nodetype
from rosbags.typesys.store import Typestore

from wam_core.joints import DIM, GRIPPERS

_NUMBER: Final = 'a number'
_TEXT: Final = 'string'
_BYTES: Final = 'uint8[]'
_VECTOR: Final = f'{DIM} numbers'
_PAIR: Final = f'{len(GRIPPERS)} numbers'

TYPES: Final = {
    '/proprioception': 'wam_msgs/msg/Proprioception',
    '/applied_action': 'wam_msgs/msg/AppliedAction',
    '/executor_state': 'wam_msgs/msg/ExecutorState',
    '/episode_event': 'wam_msgs/msg/EpisodeEvent',
    '/task_state': 'wam_msgs/msg/TaskState',
}
"""Topic -> the type that readers know it by."""
FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    'wam_msgs/msg/Proprioception': {
        'position': _VECTOR,
        'velocity': _VECTOR,
        'effort': _VECTOR,
        'gripper_angle': _PAIR,
    },
    'wam_msgs/msg/AppliedAction': {'source': _TEXT, 'requested': _VECTOR, 'limited': _VECTOR},
    'wam_msgs/msg/ExecutorState': {
        'state': _NUMBER,
        'source': _TEXT,
        'at_rest': _NUMBER,
        'ticks': _NUMBER,
        'chunks_merged': _NUMBER,
        'underruns': _NUMBER,
        'latency_s': _NUMBER,
    },
    'wam_msgs/msg/EpisodeEvent': {'node': _TEXT, 'kind': _TEXT, 'text': _TEXT},
    'wam_msgs/msg/TaskState': {'stage_name': _TEXT, 'score': _NUMBER},
    'sensor_msgs/msg/Image': {'data': _BYTES},
    'sensor_msgs/msg/CompressedImage': {'format': _TEXT, 'data': _BYTES},
}
"""Type -> field -> what it must be. A field that is not named may come, go and change."""


def fault(types: Typestore, topic: str, kind: str) -> str:
    """Why the messages of a topic can't be read as what they should be; empty: they can.

    kind: package/msg/Type, registered with ``types``.
    """
    expected = TYPES.get(topic, kind)
    if kind != expected:
        return f'topic {topic}: is of type {kind}, expected {expected}'
    if kind not in FIELDS:
        return ''
    _, fields = types.fielddefs[kind]
    found = {name: _described(field) for name, field in fields}
    for name, wanted in FIELDS[kind].items():
        if name not in found:
            return (
                f'topic {topic}: the recorded definition of {kind} has no field {name}, '
                f'expected {wanted}: it was recorded by another version'
            )
        if found[name] != wanted:
            return (
                f'topic {topic}: field {name} of the recorded definition of {kind} is '
                f'{found[name]}, expected {wanted}: it was recorded by another version'
            )
    return ''


def _described(field: Any) -> str:
    """Of a field as the type store has it: its node type, and what that holds."""
    node, content = field
    if node == Nodetype.BASE:
        name = str(content[0])
        return _TEXT if name in ('string', 'wstring') else _NUMBER
    if node == Nodetype.NAME:
        return str(content)
    (inner_node, inner), length = content
    name = str(inner if inner_node == Nodetype.NAME else inner[0])
    if node == Nodetype.ARRAY:
        numbers = inner_node == Nodetype.BASE and name not in ('string', 'wstring')
        return f'{length} numbers' if numbers else f'{name}[{length}]'
    return f'{name}[]'
