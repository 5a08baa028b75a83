"""Who has the arms: policy, teleop, a slew to a pose, and whatever holds them meanwhile."""

from typing import Any

import numpy as np
import pytest
from executor_bench import LIMITS, RIG, START, TICK_NS, Bench, swing
from wam_msgs.msg import ExecutorState

from wam_core.joints import ARM_SLICES


def handovers(b: Bench) -> list[str]:
    return [event.text for event in b.events if event.kind == 'handover']


def test_teleop_takes_over_in_mid_motion_and_hands_back(ros: Any) -> None:
    b = Bench(ros)
    b.move()
    generation = b.state.generation
    unanswered = b.requests[-1]
    assert b.handover('teleop').accepted
    aside = START + 0.2

    def led() -> bool:
        b.target(aside)
        return np.allclose(b.record()[-1].limited, aside, atol=0.01)

    b.until(led, 'the arms at the target')
    assert (b.state.state, b.state.source) == (ExecutorState.RUNNING, 'teleop')
    assert b.record()[-1].source == 'teleop'
    # What the policy sends and what another source wants is counted, and that is all.
    b.publish('/action_chunk', b.chunk(unanswered, swing()))
    b.target(START, source='replay')
    b.until(lambda: b.state.inactive_messages == 2, 'the count')
    assert dict(zip(b.state.refusal_reasons, b.state.refusal_counts, strict=True)) == {
        'inactive_source': 2
    }
    asked = len(b.requests)
    assert b.handover('policy').accepted
    b.until(lambda: len(b.requests) > asked, 'a request')
    b.answer_to(b.requests[-1], np.tile(START, (50, 1)))
    b.until(lambda: b.record()[-1].source == 'policy', 'the policy')
    b.step(10)  # what comes right after a handover was on its way
    b.target(aside)
    b.until(lambda: b.state.inactive_messages == 3, 'the count')
    b.step(20)
    assert b.lawful()[-1] == pytest.approx(START, abs=1e-3)
    assert b.state.generation == generation
    b.ros.wait(lambda: len(handovers(b)) == 2, what='the events')
    assert handovers(b) == ['policy -> teleop', 'teleop -> policy']


def test_targets_that_stop_coming_leave_the_arms_at_rest(ros: Any) -> None:
    b = Bench(ros)
    assert b.start(source='teleop').accepted
    for number in range(20):
        b.target(START + 0.02 * number)
        b.step()
    assert b.state.state == ExecutorState.RUNNING
    b.reach(ExecutorState.HOLDING)
    b.until(lambda: b.state.at_rest, 'rest')
    b.target(START)
    b.reach(ExecutorState.RUNNING)
    b.lawful()


def test_a_handover_that_makes_no_sense_is_refused(ros: Any) -> None:
    b = Bench(ros)
    assert 'no run' in b.handover('teleop').message
    assert "'telepathy'" in b.handover('telepathy').message
    assert b.go_to_pose('sleep').accepted
    assert 'no run' in b.handover('teleop').message
    b.step()
    assert b.state.source == 'homing'


def test_the_arms_go_to_the_named_poses_slowly(ros: Any) -> None:
    b = Bench(ros)
    begun = 0
    for pose, goal in (('sleep', RIG.sleep_pose), ('start', RIG.start_pose)):
        answer = b.go_to_pose(pose)
        assert answer.accepted, answer.message
        assert answer.duration_s > 0.5
        # On a machine that is behind, joint states that come late hold the arms for a moment.
        b.reach(ExecutorState.RUNNING)
        assert (b.state.pose, b.state.source) == ('', 'homing')
        b.reach(ExecutorState.IDLE)
        assert (b.state.pose, b.state.generation) == (pose, answer.generation)
        ticks = len(b.record()) - begun
        assert ticks * TICK_NS / 1e9 == pytest.approx(answer.duration_s, abs=0.2)
        begun += ticks
        assert b.lawful()[-1] == pytest.approx(goal, abs=1e-6)
    speed = np.abs(np.diff(b.lawful(), axis=0)).max(axis=0) / (TICK_NS / 1e9)
    assert (speed <= 0.2 * LIMITS.velocity + 1e-6).all()  # homing_share of config/executor.yaml
    # Idle from here on: whoever takes an arm by the hand takes it from its pose.
    count = len(b.applied)
    b.following = False
    b.position[ARM_SLICES['left'].start] += 0.5
    b.until(lambda: b.state.pose == '', 'a pose that was left')
    assert len(b.applied) == count


def test_a_slew_takes_the_arms_from_a_moving_policy(ros: Any) -> None:
    b = Bench(ros)
    b.move()
    assert b.go_to_pose('start').accepted
    b.until(lambda: b.state.pose == 'start', 'the start pose')
    assert b.lawful()[-1] == pytest.approx(RIG.start_pose, abs=1e-6)


def test_a_slew_of_arms_that_do_not_come_ends_without_the_pose(ros: Any) -> None:
    b = Bench(ros)
    b.following = False
    assert b.go_to_pose('sleep').accepted
    b.step()
    b.until(lambda: b.state.faults, 'the fault')
    assert 'tracking error' in b.state.faults[0]
    b.reach(ExecutorState.HOLDING)
    assert b.state.pose == ''


def test_a_slew_that_cannot_be_made_is_refused(ros: Any) -> None:
    b = Bench(ros, measuring=False)
    assert "'kitchen'" in b.go_to_pose('kitchen').message
    assert 'not been measured' in b.go_to_pose('start').message
    b.step()
    assert b.state.state == ExecutorState.IDLE


def test_a_silent_camera_holds_the_arms_until_it_is_back(ros: Any) -> None:
    b = Bench(ros)
    b.move()
    b.streams('camera', cam_high=0, cam_left_wrist=2 * 10**9)
    b.until(lambda: b.state.faults, 'the fault')
    (fault,) = b.state.faults
    assert 'cam_left_wrist' in fault
    assert 'camera_age_s' in fault
    b.reach(ExecutorState.HOLDING)
    b.until(lambda: b.state.at_rest, 'rest')
    b.streams('camera', cam_high=0, cam_left_wrist=0)
    b.until(lambda: not b.state.faults, 'the end of the fault')
    b.reach(ExecutorState.RUNNING)
    b.step(5)
    b.lawful()
    b.ros.wait(lambda: 'fault_over' in [event.kind for event in b.events], what='the events')
    texts = [event.text for event in b.events if event.kind == 'fault']
    assert len(texts) == 1
    assert 'cam_left_wrist' in texts[0]
    assert texts[0].endswith(': hold')


def test_a_silent_arm_holds_both_until_it_is_back(ros: Any) -> None:
    b = Bench(ros)
    b.move()
    b.measuring = False  # of one arm alone there is no proprioception

    def held() -> bool:
        b.streams('arm', follower_left=0, follower_right=2 * 10**9)
        return bool(b.state.faults) and b.state.at_rest

    b.until(held, 'rest')
    (fault,) = b.state.faults
    assert 'follower_right' in fault
    assert 'joint_state_age_s' in fault
    assert b.state.state == ExecutorState.HOLDING
    b.measuring = True
    b.until(lambda: not b.state.faults, 'the end of the fault')
    b.step(5)
    b.lawful()
