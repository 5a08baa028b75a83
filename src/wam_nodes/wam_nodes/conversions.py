"""Between messages and the types of ``wam_core``, without needless copies."""

import array
from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Pose
from numpy.typing import NDArray
from sensor_msgs.msg import JointState
from wam_msgs.msg import FrameSet

from wam_core.errors import WamError
from wam_core.joints import Vector
from wam_core.policy import Image, Matrix

_SECOND_NS = 1_000_000_000


def nanoseconds(stamp: Any) -> int:
    """Nanoseconds of a Time or Duration message."""
    # A nanosec of a second or more is malformed, and with the last second would not fit a message.
    return int(stamp.sec) * _SECOND_NS + min(int(stamp.nanosec), _SECOND_NS - 1)


def time_message(nanoseconds: int) -> Time:
    """The Time message of nanoseconds on some clock, >= 0."""
    sec, nanosec = divmod(nanoseconds, _SECOND_NS)
    return Time(sec=sec, nanosec=nanosec)


def duration_message(nanoseconds: int) -> Duration:
    """The Duration message of nanoseconds; may be negative."""
    sec, nanosec = divmod(nanoseconds, _SECOND_NS)
    return Duration(sec=sec, nanosec=nanosec)


def joint_state_fields(message: JointState) -> tuple[int, Any, Any, Any, Any]:
    """What ``ArmPairing.add`` takes of a joint state."""
    stamp_ns = nanoseconds(message.header.stamp)
    return stamp_ns, message.name, message.position, message.velocity, message.effort


def vector(values: Any) -> Vector:
    """(n,) float64 view of a float array field: no copy, so keep it no longer than the message."""
    return np.asarray(values, dtype=np.float64)


def doubles(values: NDArray[np.float64]) -> 'array.array[float]':
    """Value of a ``float64[]`` field, row-major; the message's setter takes it without checks."""
    flat = array.array('d')
    flat.frombytes(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return flat


def matrix(values: Any, rows: int, columns: int) -> Matrix:
    """(rows, columns) view of a row-major ``float64[]``. Raises WamError for another size."""
    flat = vector(values)
    if flat.size != rows * columns:
        raise WamError(f'{flat.size} numbers, expected {rows} rows of {columns}')
    return flat.reshape(rows, columns)


def image_bytes(images: Image) -> 'array.array[int]':
    """Value of a ``uint8[]`` field: setting that from bytes would check them one by one."""
    data = array.array('B')
    # Typed for bytes only, but any buffer will do, and this one needs no copy first.
    data.frombytes(memoryview(np.ascontiguousarray(images)).cast('B'))  # type: ignore[arg-type]
    return data


def images(message: FrameSet) -> Image:
    """(N, height, width, 3) RGB8 view of a FrameSet's images: no copy.

    Raises WamError when the size of the data is not that of its cameras.
    """
    shape = (len(message.cameras), message.height, message.width, 3)
    flat = np.frombuffer(message.data, dtype=np.uint8)
    if flat.size != np.prod(shape, dtype=np.int64):
        raise WamError(f'frame set: {flat.size} bytes of data, expected {shape} of uint8')
    return flat.reshape(shape)


def frame_set(cameras: Sequence[str], stamps_ns: Sequence[int], frames: Image) -> FrameSet:
    """A FrameSet of (N, height, width, 3) RGB8 frames and their capture times, ROS clock."""
    message = FrameSet()
    message.header.stamp = time_message(min(stamps_ns))
    message.cameras = list(cameras)
    message.stamps = [time_message(stamp) for stamp in stamps_ns]
    message.spread = duration_message(max(stamps_ns) - min(stamps_ns))
    _, message.height, message.width, _ = frames.shape
    message.data = image_bytes(frames)
    return message


def pose_message(position: Vector, quaternion: Vector) -> Pose:
    """A Pose of (3,) m and (4,) x y z w."""
    pose = Pose()
    pose.position.x, pose.position.y, pose.position.z = map(float, position)
    orientation = pose.orientation
    orientation.x, orientation.y, orientation.z, orientation.w = map(float, quaternion)
    return pose


def pose_vector(pose: Any) -> Vector:
    """(7,) position in m and quaternion w x y z of a Pose, as ``Observation.objects`` has it."""
    position, orientation = pose.position, pose.orientation
    return np.array(
        [
            *(position.x, position.y, position.z),
            *(orientation.w, orientation.x, orientation.y, orientation.z),
        ]
    )
