"""The scripted person at the simulated leaders, through the real limits, without ROS."""

from dataclasses import dataclass

import numpy as np
import pytest

from wam_core.executor import ExecutorCore
from wam_core.executor_config import ExecutorConfig
from wam_core.gesture import Gesture, GestureWatch
from wam_core.joints import ARMS, GRIPPERS, SIDES, Vector
from wam_core.leader_engagement import LeaderEngagement
from wam_core.motors import join, join_velocity, split
from wam_nodes.teleop_parameters import Parameters
from wam_sim import leader
from wam_sim.person import PersonConfig, ScriptedPerson, squeezing
from wam_sim.rig import SimRig

PERIOD_NS = 20_000_000
SECOND_NS = 1_000_000_000


@dataclass
class Attempt:
    """What came of one: stage reached, when (s), and the gesture at its end."""

    stage: int = 0
    seconds: float = 0.0
    gesture: Gesture | None = None


class Session:
    """The simulated rig with its leaders where the followers are, the executor, and a person."""

    def __init__(self, seed: int, config: PersonConfig) -> None:
        self.rig = SimRig(seed, 'transfer_cube')
        spec = self.rig.rig
        self.calibration = spec.leader_calibration
        self.leaders = {side: self.rig.arms[spec.leaders[side]] for side in SIDES}
        random = np.random.default_rng(0)
        for side, angles in split(spec.start_pose, self.calibration).items():
            self.leaders[side].place(angles.tolist(), 0, random)
        self.executor = ExecutorCore(ExecutorConfig(period_ns=PERIOD_NS), spec)
        settings = Parameters()
        self.engagement = LeaderEngagement(
            spec.lower, spec.upper, PERIOD_NS, settings.near_rad, 10 * PERIOD_NS
        )
        self.engagement.want(True)
        self.gestures = GestureWatch(settings.gestures)
        self.person = ScriptedPerson(config)

    def leading(self) -> Vector:
        """(14,) of the leaders."""
        left, right = (self.leaders[side].reading.position[:7] for side in SIDES)
        return join(left, right, self.calibration)

    def speed(self) -> Vector:
        left, right = (self.leaders[side].reading.velocity[:7] for side in SIDES)
        return join_velocity(left, right, self.calibration)

    def hold(self, hands: Vector) -> None:
        for side, angles in split(hands, self.calibration).items():
            leader.hold(leader.joints_of(self.leaders[side]), angles.tolist())

    def step(self) -> Gesture | None:
        """One period of the executor behind the leaders."""
        now = self.rig.time_ns
        measured, leading = self.rig.state().position, self.leading()
        self.executor.measured(measured, now)
        self.engagement.followers(measured, now)
        target = self.engagement.leaders(leading, now)
        if target is not None:
            self.executor.target('teleop', target, now, now)
        self.rig.step(self.executor.tick(now).command, PERIOD_NS)
        return self.gestures.take(now, leading, self.speed())

    def attempt(self, limit_s: float, until: int = 4) -> Attempt:
        """The person leads until that stage, the gesture that ends it, or the time limit."""
        begun, found = self.rig.time_ns, Attempt()
        self.person.begin(begun)
        self.executor.start('teleop', '', 'fold', begun)
        while found.gesture is None and found.stage < until and found.seconds < limit_s:
            now = self.rig.time_ns
            self.person.look(now, self.rig.state().position, self.rig.task_state.objects)
            hands = self.person.hands(now)
            assert hands is not None
            self.hold(hands)
            if self.step() is Gesture.END:  # both hands are closed in the middle of the task
                found.gesture = Gesture.END
            found.stage = self.rig.task_state.stage
            found.seconds = (now - begun) / SECOND_NS
        return found


def test_the_cube_changes_hands_through_leaders_and_limits() -> None:
    session = Session(3, PersonConfig())
    # When all is done the hands open wide and rest: the gesture that ends it.
    found = session.attempt(25.0, until=5)
    assert (found.stage, found.gesture) == (4, Gesture.END)
    assert sum(session.executor.status.position_clamps) < 5


def test_a_clumsy_person_moves_otherwise_but_still_smoothly() -> None:
    config = PersonConfig(tremor_rad=0.03, seed=1)
    session, steady = Session(0, config), Session(0, PersonConfig())
    session.attempt(1.0)
    steady.attempt(1.0)
    apart = np.abs(session.rig.state().position - steady.rig.state().position)[ARMS].max()
    assert 0.002 < apart < 0.1
    again = Session(0, config)
    again.attempt(1.0)
    assert np.array_equal(again.rig.state().position, session.rig.state().position)


def test_who_takes_objects_to_be_elsewhere_grips_beside_them() -> None:
    session = Session(0, PersonConfig(misjudged_m=0.02))
    assert session.attempt(6.0, until=2).stage < 2


def test_closing_both_hands_is_the_gesture_that_begins() -> None:
    session = Session(0, PersonConfig())
    opened = session.leading()
    opened[list(GRIPPERS)] = 0.5
    session.hold(opened)
    for _ in range(50):
        session.step()
    before = session.leading()
    session.hold(squeezing(before))
    gestures = [session.step() for _ in range(100)]
    assert [gesture for gesture in gestures if gesture is not None] == [Gesture.BEGIN]
    assert session.leading()[ARMS] == pytest.approx(before[ARMS], abs=0.01)


def test_hands_are_nowhere_before_the_first_look() -> None:
    person = ScriptedPerson(PersonConfig())
    person.begin(0)
    assert person.hands(0) is None
