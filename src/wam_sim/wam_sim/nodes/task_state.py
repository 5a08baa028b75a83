"""The truth of the task as a message."""

from geometry_msgs.msg import Point, Pose, Quaternion
from wam_msgs.msg import TaskState

from wam_core.joints import Vector
from wam_sim.nodes.stamps import stamp
from wam_sim.rig import SimRig


def task_state(rig: SimRig) -> TaskState:
    """wam_msgs/TaskState of now."""
    truth = rig.task_state
    message = TaskState(
        task=rig.task.name,
        seed=rig.seed,
        episode=rig.episode,
        stage=truth.stage,
        stage_name=truth.stage_name,
        reward=truth.reward,
        score=truth.score,
        success=truth.success,
        objects=list(truth.objects),
        poses=[_pose(pose) for pose in truth.objects.values()],
    )
    message.header.stamp = stamp(rig.time_ns)
    message.header.frame_id = 'world'
    return message


def _pose(pose: Vector) -> Pose:
    x, y, z, qw, qx, qy, qz = pose.tolist()
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))
