"""Feeds a policy's observation buffer from the topics that its spec asks for."""

from collections import Counter
from collections.abc import Mapping

from rclpy.node import Node
from wam_msgs.msg import FrameSet, Proprioception, TaskState

from wam_core.errors import WamError
from wam_core.observation import ObservationBuffer
from wam_core.policy import Observation, PolicySpec
from wam_nodes.conversions import images, nanoseconds, pose_vector
from wam_nodes.qos import EVERY, LATCHED, NEWEST


class Observations:
    """/proprioception, /frame_set for cameras, /task_state for a privileged policy.

    depth: messages kept of each kind. slop_ns: largest distance of what makes one observation.
    """

    def __init__(self, node: Node, spec: PolicySpec, depth: int, slop_ns: int) -> None:
        self._spec = spec
        self._buffer = ObservationBuffer(spec.cameras, depth, slop_ns, privileged=spec.privileged)
        self._ignored: Counter[str] = Counter()
        self._fault = ''
        node.create_subscription(Proprioception, '/proprioception', self._proprioception, EVERY)
        if spec.cameras:
            node.create_subscription(FrameSet, '/frame_set', self._frame_set, NEWEST)
        if spec.privileged:
            node.create_subscription(TaskState, '/task_state', self._task_state, LATCHED)

    @property
    def ignored(self) -> Mapping[str, int]:
        """'frame sets ignored', ... -> messages that were not usable, so far."""
        return dict(self._ignored)

    def newest(self, not_before_ns: int, now_ns: int, max_age_ns: int) -> Observation:
        """The newest one. Raises WamError when there is none, or none that is new enough."""
        observation = self._buffer.newest(not_before_ns)
        if isinstance(observation, str):
            raise WamError(observation)
        age_ns = now_ns - observation.stamp_ns
        if age_ns > max_age_ns:
            raise WamError(
                f'the newest observation is {age_ns / 1e9:.2f} s old, allowed '
                f'{max_age_ns / 1e9:g} s (observation_max_age_s of config/policy.yaml)'
            )
        return observation

    def take_fault(self) -> str:
        """What was wrong with the newest bad message since the last call; empty: nothing."""
        fault, self._fault = self._fault, ''
        return fault

    def _proprioception(self, message: Proprioception) -> None:
        accepted = self._buffer.add_state(
            nanoseconds(message.header.stamp), message.position, message.velocity, message.effort
        )
        self._ignored['proprioception ignored'] += not accepted

    def _frame_set(self, message: FrameSet) -> None:
        accepted = False
        if tuple(message.cameras) != self._spec.cameras:
            expected = list(self._spec.cameras)
            self._fault = f'/frame_set has cameras {message.cameras}, expected {expected}'
        else:
            try:
                stamp_ns = nanoseconds(message.header.stamp)
                accepted = self._buffer.add_frames(stamp_ns, images(message))
            except WamError as error:
                self._fault = str(error)
        self._ignored['frame sets ignored'] += not accepted

    def _task_state(self, message: TaskState) -> None:
        poses = map(pose_vector, message.poses)
        objects = dict(zip(message.objects, poses, strict=False))
        accepted = self._buffer.add_objects(nanoseconds(message.header.stamp), objects)
        self._ignored['task states ignored'] += not accepted
