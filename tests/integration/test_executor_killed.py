"""The executor killed on the simulated rig: the motors hold, and the next one begins there."""

import signal
from typing import Any

import numpy as np
from executor_bench import ARM_TOPICS, CONFIG, LIMITS, RIG, ROUNDING
from executor_rig import excess
from rclpy.qos import QoSProfile
from wam_msgs.msg import AppliedAction, ExecutorState, Proprioception
from wam_msgs.srv import GoToPose

from wam_core.joints import ARM_SLICES
from wam_nodes.conversions import nanoseconds

DEEP = QoSProfile(depth=1000)  # for messages of which none may be missed
ARMS = np.r_[tuple(ARM_SLICES[side] for side in ('left', 'right'))]
LAG_RAD = 0.05  # of the simulated motors behind a slow command, gravity included


class Rig:
    """The simulated rig and the way from its joint states to the executor."""

    def __init__(self, ros: Any) -> None:
        self.ros = ros
        words = ('sim:cameras:=[cam_high]', 'sim:leaders:=false', 'sim:modes:=aloha')
        arguments = [word for each in words for word in ('-p', each)]
        ros.start('wam_sim', 'sim', params_file=CONFIG / 'sim.yaml', arguments=arguments)
        self.node('proprioception')
        self.measured = ros.collect(Proprioception, '/proprioception', DEEP)
        self.states = ros.collect(ExecutorState, '/executor_state', DEEP)
        self.applied = ros.collect(AppliedAction, '/applied_action', DEEP)
        self.commands = [ros.collect(kind, topic, DEEP) for topic, kind in ARM_TOPICS.items()]

    def node(self, name: str) -> Any:
        """Starts one of the stack's."""
        params = {'use_sim_time': True}
        return self.ros.start('wam_nodes', name, params, params_file=CONFIG / f'{name}.yaml')

    def executor(self) -> Any:
        """Starts one that has something to say."""
        self.states.clear()
        process = self.node('executor')
        self.ros.wait(lambda: self.states, what='the executor')
        self.ros.wait(lambda: self.measured, what='the arms')
        return process

    def go_to(self, pose: str) -> None:
        def accepted() -> bool:
            request = GoToPose.Request(pose=pose)
            return bool(self.ros.call(GoToPose, '/executor/go_to_pose', request).accepted)

        self.ros.wait(accepted, what='a slew')

    def arms(self) -> np.ndarray:
        """(12,) rad, the newest."""
        return np.array(self.measured[-1].position)[ARMS]

    def after(self, seconds: float) -> None:
        """Lets simulated time pass."""
        begun = len(self.measured)
        first_ns = nanoseconds(self.measured[-1].header.stamp)

        def passed() -> bool:
            last_ns = nanoseconds(self.measured[-1].header.stamp)
            return len(self.measured) > begun and last_ns - first_ns > seconds * 1e9

        self.ros.wait(passed, what=f'{seconds:g} s of the simulation')


def test_arms_hold_without_an_executor_and_the_next_one_begins_where_they_are(ros: Any) -> None:
    rig = Rig(ros)
    first = rig.executor()
    rig.go_to('sleep')
    ros.wait(lambda: len(rig.applied) > 40, what='a slew on its way')
    first.kill()
    last = np.array(rig.applied[-1].limited)[ARMS]
    assert np.abs(last - np.array(RIG.sleep_pose)[ARMS]).max() > 0.2
    rig.after(1.0)
    count = [len(each) for each in rig.commands]
    held = rig.arms()
    assert np.abs(held - last).max() < LAG_RAD
    rig.after(1.0)
    assert [len(each) for each in rig.commands] == count
    assert np.abs(rig.arms() - held).max() < 0.01
    rig.applied.clear()
    second = rig.executor()
    rig.go_to('start')
    ros.wait(lambda: rig.states[-1].pose == 'start', what='the start pose')
    limited = np.array([message.limited for message in rig.applied])
    assert np.abs(limited[0][ARMS] - held).max() < 0.01
    assert excess([limited[0], limited[0], *limited], LIMITS) < ROUNDING
    assert np.abs(rig.arms() - np.array(RIG.start_pose)[ARMS]).max() < LAG_RAD
    second.send(signal.SIGINT)
    assert second.wait() == 0, second.output
