"""Results that come back from an arm's thread, whatever the middleware makes of the wake-up."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ros_domain import TIMEOUT_S

from wam_nodes import arm_connection
from wam_nodes.arm_connection import ArmConnection


def lose_triggers_of_other_threads(node: Any) -> list[str]:
    """Makes the node's guard conditions do what rmw_fastrtps does now and then; those lost."""
    create, lost = node.create_guard_condition, []

    def losing(callback: Any) -> Any:
        guard = create(callback)
        trigger = guard.trigger

        def mine_only() -> None:
            if threading.current_thread() is threading.main_thread():
                trigger()
            else:
                lost.append(threading.current_thread().name)

        guard.trigger = mine_only
        return guard

    node.create_guard_condition = losing
    return lost


class Arm:
    """A connection to an arm that needs no driver. lost: the triggers that its node never saw."""

    def __init__(self, ros: Any) -> None:
        self.ros = ros
        self.lost = lose_triggers_of_other_threads(ros.node)
        self.connection = ArmConnection(ros.node, 'follower_left', 1.0)
        ros.wait(lambda: self.connection.fault == '', what='the connection')

    def start(self, end: threading.Event, what: str) -> Any:
        """Has its thread wait for the event; comes back when it does."""
        begun = threading.Event()

        def job(motors: Any) -> str:
            begun.set()
            assert end.wait(TIMEOUT_S)
            return str(motors.robot)

        task = self.ros.node.executor.create_task(self.connection.run(job, what))
        self.ros.wait(begun.is_set, what='the job')
        return task


@pytest.fixture
def arm(ros: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arm]:
    node = SimpleNamespace(missing_services=list, destroy_node=lambda: None)
    monkeypatch.setattr(arm_connection, 'MotorNode', lambda *_: node)
    monkeypatch.setattr(arm_connection, 'InterbotixRobotXSCore', lambda *_, **__: None)
    found = Arm(ros)
    yield found
    found.connection.close()


def test_a_lost_wake_up_loses_no_result(ros: Any, arm: Arm) -> None:
    for number in range(1, 4):
        end = threading.Event()
        task = arm.start(end, 'a job')
        lost = len(arm.lost)
        end.set()
        ros.wait(task.done, what=f'the result of job {number}')
        assert task.result() == 'follower_left'
        assert len(arm.lost) == lost + 1
        assert arm.connection.idle and arm.connection.jobs == number


def test_it_says_what_its_thread_is_at(ros: Any, arm: Arm) -> None:
    end = threading.Event()
    task = arm.start(end, 'reading Present_Temperature')
    try:
        assert arm.connection.activity.startswith('reading Present_Temperature for ')
        assert not arm.connection.idle
    finally:
        end.set()
    ros.wait(task.done, what='the result')
    assert arm.connection.activity == 'nothing'
