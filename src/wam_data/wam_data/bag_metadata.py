"""metadata.yaml as rosbag2 writes it: ``ros2 bag info`` and ``ros2 bag play`` read the directory.

Version 8 of the format: the newest whose QoS profiles are text, which is what Humble's reader
wants; Jazzy's reads it too. Source: rosbag2_storage/yaml.hpp, and the reader of Jazzy for 9.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import yaml

VERSION: Final = 8
# Of rmw/types.h.
_KEEP_LAST: Final = 1
_RELIABILITY: Final = {True: 1, False: 2}
_DURABILITY: Final = {True: 1, False: 2}
_AUTOMATIC: Final = 1
# rmw's "infinite": the largest duration in ns.
_FOREVER: Final = {'sec': 9223372036, 'nsec': 854775807}


@dataclass(frozen=True)
class Qos:
    """The profile that a topic is offered with: keep last ``depth``."""

    depth: int = 10
    reliable: bool = True
    transient_local: bool = False

    def text(self) -> str:
        """As metadata.yaml and the MCAP channel hold it."""
        profile = {
            'history': _KEEP_LAST,
            'depth': self.depth,
            'reliability': _RELIABILITY[self.reliable],
            'durability': _DURABILITY[self.transient_local],
            'deadline': dict(_FOREVER),
            'lifespan': dict(_FOREVER),
            'liveliness': _AUTOMATIC,
            'liveliness_lease_duration': dict(_FOREVER),
            'avoid_ros_namespace_conventions': False,
        }
        return yaml.safe_dump([profile], sort_keys=False).strip()


@dataclass(frozen=True)
class TopicEntry:
    """type: package/msg/Type. qos: text of its offered profiles. digest: RIHS01 hash or empty."""

    type: str
    messages: int
    qos: str
    digest: str


def metadata_text(
    file: str, topics: Mapping[str, TopicEntry], first_ns: int, last_ns: int, episode: str
) -> str:
    """The contents of metadata.yaml for one MCAP ``file`` with these topics.

    first_ns, last_ns: log times of the first and last message; both 0 without messages.
    """
    messages = sum(topic.messages for topic in topics.values())
    start = {'nanoseconds_since_epoch': first_ns}
    duration = {'nanoseconds': last_ns - first_ns}
    information = {
        'version': VERSION,
        'storage_identifier': 'mcap',
        'duration': dict(duration),
        'starting_time': dict(start),
        'message_count': messages,
        'topics_with_message_count': [_topic(name, topic) for name, topic in topics.items()],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file],
        'files': [
            {
                'path': file,
                'starting_time': start,
                'duration': duration,
                'message_count': messages,
            }
        ],
        'custom_data': {'episode': episode},
        'ros_distro': '',
    }
    contents = {'rosbag2_bagfile_information': information}
    return yaml.safe_dump(contents, sort_keys=False, width=10_000)


def _topic(name: str, topic: TopicEntry) -> dict[str, object]:
    metadata = {
        'name': name,
        'type': topic.type,
        'serialization_format': 'cdr',
        'offered_qos_profiles': topic.qos,
        'type_description_hash': topic.digest,
    }
    return {'topic_metadata': metadata, 'message_count': topic.messages}
