"""An episode that is being recorded, without a node."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from wam_data.definitions import Definitions
from wam_data.episode import OpenEpisode, Settings
from wam_data.identity import Identity
from wam_data.recording import Limits, Recording
from wam_data.writer import Topic

Messages = list[tuple[int, str, bytes]]  # log time, ns; topic; data
TOPIC = Topic('/proprioception', 'wam_msgs/msg/Proprioception')
WAIT_S = 60.0


def opened(
    root: Path,
    definitions: Definitions,
    limits: Limits,
    said: list[str] | None = None,
    topics: Sequence[Topic] = (TOPIC,),
) -> OpenEpisode:
    report = [].append if said is None else said.append
    identity = Identity('Move the CUBE, please!')
    return OpenEpisode(Settings(root, 'zstd', limits), identity, topics, 1, report, definitions)


def wait_until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


def waits(recording: Recording, size: int) -> bool:
    return recording.status.queue_bytes == size


def proprioception(messages: Messages) -> list[tuple[int, bytes]]:
    return [(log_ns, data) for log_ns, topic, data in messages if topic == TOPIC.name]
