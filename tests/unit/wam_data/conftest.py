import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from sensor_msgs.msg import Image, JointState
from wam_msgs.msg import AppliedAction, ExecutorState, FrameSet, Proprioception, TaskState

from wam_data.definitions import Definitions
from wam_data.frames import COMPRESSED, jpeg_encoder
from wam_data.identity import Identity
from wam_data.manifest import EpisodeManifest, Outcome
from wam_data.writer import EpisodeWriter, Topic, close_episode

START_NS = 1_700_000_000_000_000_000
CAMERAS = [f'/cam_{name}/camera/color/image_rect_raw' for name in ('high', 'left', 'right')]
TOPICS = (
    Topic('/proprioception', 'wam_msgs/msg/Proprioception'),
    Topic('/applied_action', 'wam_msgs/msg/AppliedAction'),
    Topic('/executor_state', 'wam_msgs/msg/ExecutorState'),
    Topic('/task_state', 'wam_msgs/msg/TaskState'),
    Topic('/frame_set', 'wam_msgs/msg/FrameSet'),
    Topic('/follower_left/joint_states', 'sensor_msgs/msg/JointState', period_ns=40_000_000),
    Topic('/joint_target', 'wam_msgs/msg/JointTarget'),
    *(Topic(f'{camera}/compressed', COMPRESSED, period_ns=33_333_333) for camera in CAMERAS),
)


def stamp(message: Any, nanoseconds: int) -> Any:
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    message.header.stamp.sec, message.header.stamp.nanosec = seconds, rest
    return message


def image(nanoseconds: int, shade: int, height: int = 48, width: int = 64) -> bytes:
    """CDR of an rgb8 Image: a ramp, so that JPEG keeps it, with ``shade`` in its red."""
    message = stamp(
        Image(height=height, width=width, encoding='rgb8', step=3 * width), nanoseconds
    )
    message.header.frame_id = 'camera'
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0] = shade
    pixels[..., 1] = np.linspace(0, 200, width, dtype=np.uint8)
    message.data = pixels.tobytes()
    return bytes(serialize_message(message))


def tick(nanoseconds: int, value: float, source: str = 'policy') -> bytes:
    message = stamp(AppliedAction(source=source), nanoseconds)
    message.limited = np.full(14, value)
    message.requested = np.full(14, value + 1.0)
    return bytes(serialize_message(message))


def script(seconds: float) -> list[tuple[int, str, bytes]]:
    """(log time, topic, CDR) of a small run, in order of time."""
    encode = jpeg_encoder(90)
    found: list[tuple[int, str, bytes]] = []
    for number in range(round(seconds * 25)):
        at = START_NS + number * 40_000_000
        done = number / (seconds * 25)
        state = stamp(Proprioception(), at)
        state.position = np.full(14, done)
        truth = stamp(TaskState(stage=1, stage_name='lifted', score=50.0), at)
        frames = stamp(FrameSet(cameras=['a', 'b'], height=2, width=2), at)
        frames.spread.nanosec = 2_000_000 + number
        found += [
            (at + 1, '/proprioception', bytes(serialize_message(state))),
            (at + 2, '/applied_action', tick(at, done)),
            (at + 3, '/executor_state', bytes(serialize_message(stamp(ExecutorState(), at)))),
            (at + 4, '/task_state', bytes(serialize_message(truth))),
            (at + 5, '/frame_set', bytes(serialize_message(frames))),
        ]
        joints = JointState(name=['waist'], position=[done], velocity=[0.0], effort=[0.0])
        data = bytes(serialize_message(stamp(joints, at)))
        found.append((at + 6, '/follower_left/joint_states', data))
        for order, camera in enumerate(CAMERAS):
            jpeg = encode(image(at, 40 * (order + 1)))
            found.append((at + 7 + order, f'{camera}/compressed', jpeg))
    return found


@pytest.fixture(scope='session')
def definitions() -> Definitions:
    return Definitions()


@pytest.fixture(scope='session')
def messages() -> list[tuple[int, str, bytes]]:
    return script(2.0)


Write = Callable[..., EpisodeWriter]


@pytest.fixture
def begin(tmp_path: Path, definitions: Definitions) -> Write:
    """Opens a writer in <tmp_path>/transfer-cube/<name>.partial."""

    def open_writer(
        name: str = '20250101T000000Z-0001',
        topics: Sequence[Topic] = TOPICS,
        compression: str = 'zstd',
    ) -> EpisodeWriter:
        directory = tmp_path / 'transfer-cube' / f'{name}.partial'
        directory.mkdir(parents=True)
        identity = Identity(
            task='move the cube',
            task_name='transfer_cube',
            policy='scripted',
            policy_specification={'horizon': 50},
            rig='sim',
            seed=7,
        )
        manifest = EpisodeManifest(identity, '2025-01-01T00:00:00.000+00:00', START_NS)
        return EpisodeWriter(directory, manifest, topics, compression, definitions)

    return open_writer


@pytest.fixture(scope='session')
def recorded(
    tmp_path_factory: pytest.TempPathFactory,
    definitions: Definitions,
    messages: list[tuple[int, str, bytes]],
) -> Path:
    """A finished episode; tests that change it take ``episode``."""
    directory = tmp_path_factory.mktemp('root') / 'transfer-cube' / '20250101T000000Z-0002.partial'
    directory.mkdir(parents=True)
    identity = Identity(
        'move the cube', 'transfer_cube', 'scripted', {'horizon': 50}, 'sim', seed=7
    )
    manifest = EpisodeManifest(identity, '2025-01-01T00:00:00.000+00:00', START_NS)
    writer = EpisodeWriter(directory, manifest, TOPICS, definitions=definitions)
    for log_ns, topic, data in messages:
        writer.write(topic, data, log_ns)
    writer.finish()
    finished = EpisodeManifest(
        identity,
        manifest.started_utc,
        START_NS,
        stopped_ns=START_NS + 2_000_000_000,
        topics=writer.counters.statistics(),
        camera_sync=writer.counters.spread(),
        outcome=Outcome('success', 100.0, ('touched', 'lifted'), by='sim'),
        complete=True,
    )
    return close_episode(directory, finished)


@pytest.fixture
def episode(recorded: Path, tmp_path: Path) -> Path:
    """A copy of a finished episode."""
    target = tmp_path / 'root' / 'transfer-cube' / recorded.name
    shutil.copytree(recorded, target)
    return target
