"""A small episode without a flaw, to be spoilt: two cameras, two arms, a chunk policy."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from wam_msgs.msg import AppliedAction, EpisodeEvent, ExecutorState, Proprioception

from wam_data.definitions import Definitions
from wam_data.frames import COMPRESSED, jpeg_encoder
from wam_data.identity import Identity
from wam_data.manifest import EpisodeManifest, Outcome
from wam_data.writer import EpisodeWriter, Topic, close_episode

START_NS = 1_700_000_000_000_000_000
SECONDS = 2.0
TICK_NS = 40_000_000
CAMERA = '/{}/camera/color/image_rect_raw/compressed'
HIGH, WRIST = CAMERA.format('cam_high'), CAMERA.format('cam_left_wrist')
JOINTS = '/follower_left/joint_states'
TOPICS = (
    Topic('/proprioception', 'wam_msgs/msg/Proprioception'),
    Topic('/applied_action', 'wam_msgs/msg/AppliedAction'),
    Topic('/executor_state', 'wam_msgs/msg/ExecutorState'),
    Topic('/episode_event', 'wam_msgs/msg/EpisodeEvent'),
    Topic(JOINTS, 'sensor_msgs/msg/JointState', period_ns=10_000_000),
    Topic(HIGH, COMPRESSED, period_ns=33_333_333),
    Topic(WRIST, COMPRESSED, period_ns=33_333_333),
)
IDENTITY = Identity(
    task='move the cube', task_name='transfer_cube', policy='scripted', rig='sim', seed=7
)


@dataclass(frozen=True)
class Written:
    """One message to write. stamp_ns: of its header; log_ns: of its receipt."""

    log_ns: int
    topic: str
    data: bytes


Spoil = Callable[[list[Written]], Sequence[Written]]


def stamped(message: Any, nanoseconds: int) -> bytes:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    message.header.stamp.sec, message.header.stamp.nanosec = seconds, rest
    return bytes(serialize_message(message))


def picture(stamp_ns: int, seed: int) -> bytes:
    """CDR of a CompressedImage of noise: no two are the same."""
    noise = np.random.default_rng(seed).integers(0, 255, (24, 32, 3), np.uint8)
    message = Image(height=24, width=32, encoding='rgb8', step=96, data=noise.tobytes())
    return jpeg_encoder(90)(stamped(message, stamp_ns))


def position(stamp_ns: int) -> Any:
    """(14,) The joints swing by 0.3 rad; grippers open and close."""
    phase = 0.3 * np.sin((stamp_ns - START_NS) / 1e9 * 3)
    vector = np.full(14, phase)
    vector[[6, 13]] = abs(phase)
    return vector


def measured(stamp_ns: int, vector: Any = None) -> bytes:
    state = Proprioception(position=position(stamp_ns) if vector is None else vector)
    return stamped(state, stamp_ns)


def sent(stamp_ns: int, vector: Any = None, source: str = 'policy') -> bytes:
    row = position(stamp_ns) if vector is None else vector
    return stamped(AppliedAction(source=source, limited=row, requested=row + 0.01), stamp_ns)


def events() -> list[Written]:
    found = []
    for at, node, kind, text in (
        (0.4, 'rollout', 'stage', 'touched'),
        (0.8, 'executor', 'handover', 'policy -> teleop'),
        (1.2, 'executor', 'handover', 'teleop -> policy'),
        (1.5, 'executor', 'fault', '<script>alert("chunk & refused")</script>'),
    ):
        stamp_ns = START_NS + round(at * 1e9)
        event = EpisodeEvent(node=node, kind=kind, text=text)
        found.append(Written(stamp_ns + 50, '/episode_event', stamped(event, stamp_ns)))
    return found


def messages(seconds: float = SECONDS) -> list[Written]:
    """What a flawless episode holds, in order of receipt."""
    found = events() if seconds == SECONDS else []
    for number in range(round(seconds * 100)):
        at = START_NS + number * 10_000_000
        joints = JointState(name=['waist'], position=[0.0], velocity=[0.0], effort=[0.0])
        found.append(Written(at + 1, '/proprioception', measured(at)))
        found.append(Written(at + 2, JOINTS, stamped(joints, at)))
    for number in range(round(seconds * 25)):
        at = START_NS + number * 40_000_000
        state = ExecutorState(state=1, ticks=number, chunks_merged=number // 10, latency_s=0.04)
        state.underruns = int(number > 30)
        source = 'teleop' if 20 <= number < 30 else 'policy'
        found.append(Written(at + 3, '/applied_action', sent(at, source=source)))
        found.append(Written(at + 4, '/executor_state', stamped(state, at)))
    for number in range(round(seconds * 30)):
        at = START_NS + number * 33_333_333
        found.append(Written(at + 5, HIGH, picture(at, number)))
        found.append(Written(at + 4_000_006, WRIST, picture(at + 4_000_000, 1000 + number)))
    return sorted(found, key=lambda message: message.log_ns)


@dataclass
class EpisodeMaker:
    """Writes episodes under a root. written: what a flawless one holds."""

    root: Path
    definitions: Definitions
    written: list[Written] = field(default_factory=messages)
    number: int = 0

    def __call__(self, spoil: Spoil | None = None, **about: Any) -> Path:
        """A finished episode. spoil: changes its messages. about: fields of its manifest, or of
        its identity."""
        self.number += 1
        name = f'20250101T0000{self.number:02d}Z-{self.number:04x}'
        of_identity = {key: about.pop(key) for key in list(about) if hasattr(IDENTITY, key)}
        identity = replace(IDENTITY, **of_identity)
        started = f'2025-01-01T00:00:{self.number:02d}.000+00:00'
        manifest = EpisodeManifest(identity, started, START_NS)
        directory = self.root / (identity.task_name or 'task') / f'{name}.partial'
        directory.mkdir(parents=True)
        writer = EpisodeWriter(directory, manifest, TOPICS, definitions=self.definitions)
        for message in spoil(list(self.written)) if spoil else self.written:
            writer.write(message.topic, message.data, message.log_ns)
        writer.finish()
        contents = {
            'stopped_ns': START_NS + self._lasts_ns(),
            'topics': writer.counters.statistics(),
            'outcome': Outcome('success', 100.0, ('touched', 'lifted'), by='sim'),
            'complete': True,
        }
        return close_episode(directory, replace(manifest, **{**contents, **about}))

    def _lasts_ns(self) -> int:
        """Whole ticks until behind the last message of a flawless one."""
        last_ns = max((message.log_ns for message in self.written), default=START_NS)
        return ((last_ns - START_NS) // TICK_NS + 1) * TICK_NS
