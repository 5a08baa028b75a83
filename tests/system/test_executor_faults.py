"""What breaks around a run that moves: the arms hold within their limits, and the run goes on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fault_graph import Graph
from interbotix_xs_msgs.srv import Reboot
from std_srvs.srv import Trigger
from wam_msgs.msg import ActionChunk, ExecutorState

from wam_data.manifest import read_manifest
from wam_data.verify import verify

pytestmark = pytest.mark.slow

FLOOD = 2000
BATCH = 10


@pytest.fixture(scope='class')
def graph(class_stack: Any) -> Iterator[Graph]:
    # A policy that is started again takes a few seconds on a loaded machine.
    handle = Graph(class_stack, starvation_timeout_s=60.0)
    try:
        yield handle
    finally:
        handle.ros.close()


class TestInOneGraph:
    """Each test leaves the graph as it found it."""

    def test_a_policy_killed_in_mid_motion_is_started_again_and_resumes(
        self, graph: Graph
    ) -> None:
        command = graph.rollout('--seed', '0')
        graph.in_motion()
        (policy,) = graph.stack.processes('policy')
        policy.kill()
        (again,) = graph.until(
            lambda: [each for each in graph.stack.processes('policy') if each.pid != policy.pid],
            'another policy',
        )
        again.suspend()  # or a slow simulation would not see it missing
        try:
            graph.until(
                lambda: graph.state.state == ExecutorState.HOLDING and graph.state.at_rest,
                'the hold',
            )
            assert graph.state.underruns >= 1
        finally:
            again.resume()
        graph.goes_on()
        line = graph.finish(command)
        # What the expert makes of a scene in which it was interrupted is its own affair.
        assert line['outcome'] in ('success', 'failure'), graph.stack.report()
        graph.lawful()
        assert read_manifest(Path(line['episode'])).complete
        assert verify(Path(line['episode'])).ok

    @pytest.mark.parametrize(
        ('knob', 'broken', 'well'), [('drop', 1.0, 0.0), ('vanished', True, False)]
    )
    def test_frozen_joint_states_of_one_arm_hold_both(
        self, graph: Graph, knob: str, broken: Any, well: Any
    ) -> None:
        command = graph.rollout('--seed', '0')
        graph.in_motion()
        graph.fault('follower_right/xs_sdk', **{knob: broken})
        try:
            graph.at_rest('joint states of follower_right')
            assert not any('follower_left' in text for text in graph.state.faults)
        finally:
            graph.fault('follower_right/xs_sdk', **{knob: well})
        graph.goes_on()
        line = graph.finish(command)
        assert line['outcome'] == 'success', graph.stack.report()
        graph.lawful()

    def test_a_camera_that_stalls_for_a_moment_holds_the_arms(self, graph: Graph) -> None:
        command = graph.rollout('--seed', '0')
        graph.in_motion()
        graph.fault('cam_left_wrist/camera', stalled=True)
        try:
            graph.at_rest('newest picture of cam_left_wrist')
        finally:
            graph.fault('cam_left_wrist/camera', stalled=False)
        graph.goes_on()
        line = graph.finish(command)
        assert line['outcome'] == 'success', graph.stack.report()
        graph.lawful()

    def test_a_flood_of_chunks_is_counted_and_the_run_goes_on(self, graph: Graph) -> None:
        command = graph.rollout('--seed', '0')
        graph.in_motion()
        publisher = graph.ros.node.create_publisher(ActionChunk, '/action_chunk', BATCH)
        chunk = ActionChunk(
            request_id=10**9,
            generation=graph.state.generation,
            task='anything',
            horizon=50,
            action_dim=14,
            actions=[0.5] * 700,
        )
        chunk.dt.nanosec = 40_000_000

        def flooded() -> bool:
            for _ in range(BATCH):
                publisher.publish(chunk)
            return graph.refusals().get('unsolicited', 0) >= FLOOD

        graph.until(lambda: publisher.get_subscription_count() > 1, 'subscriptions')
        graph.until(flooded, 'the count')
        assert graph.state.last_refusal.startswith('unsolicited: ')
        graph.ros.node.destroy_publisher(publisher)
        # In the crowd the policy's own chunk may be lost, and is asked for again.
        graph.goes_on()
        line = graph.finish(command)
        assert line['outcome'] in ('success', 'failure'), graph.stack.report()
        graph.lawful()

    def test_a_motor_overload_stops_until_it_is_gone_and_reset(self, graph: Graph) -> None:
        command = graph.rollout('--seed', '0')
        graph.in_motion()
        graph.fault('follower_left/xs_sdk', overload='elbow')
        graph.until(lambda: graph.state.state == ExecutorState.STOPPED, 'the stop')
        reason = 'follower_left elbow: overload (Hardware_Error_Status 32)'
        assert graph.state.stop_reason == reason
        graph.until(lambda: graph.state.at_rest, 'rest')
        line = graph.finish(command)
        assert line['outcome'] == 'aborted'
        assert f'the executor was stopped: {reason}' in command.output
        graph.lawful()
        refusal = self.reset(graph)
        assert not refusal.success
        assert reason in refusal.message
        graph.fault('follower_left/xs_sdk', overload='')
        reboot = Reboot.Request(cmd_type='single', name='elbow', enable=True, smart_reboot=False)
        graph.ros.call(Reboot, '/follower_left/reboot_motors', reboot)
        graph.until(lambda: self.reset(graph).success, 'a reset')
        graph.short_episode()

    def reset(self, graph: Graph) -> Any:
        return graph.ros.call(Trigger, '/executor/reset', Trigger.Request())
