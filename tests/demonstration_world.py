"""The demonstration node in a process, with the test as rig, executor, recorder and leaders."""

from typing import Any

from rollout_world import SERVICES, World
from std_srvs.srv import Trigger
from wam_msgs.action import RunDemonstration
from wam_msgs.msg import DemonstrationState, EpisodeEvent
from wam_msgs.srv import SetLeaders

from wam_nodes.conversions import time_message


class DemonstrationWorld(World):
    """Everything that a demonstration talks to. phases: those that it showed, in order."""

    node = 'demonstration'
    action = RunDemonstration
    kinds = {
        **{name: kind for name, kind in SERVICES.items() if name != '/policy/reset'},
        '/teleop/set_leaders': SetLeaders,
    }

    def __init__(self, ros: Any, *, absent: tuple[str, ...] = (), **params: Any) -> None:
        self.shown: list[DemonstrationState] = ros.collect(
            DemonstrationState, '/demonstration_state'
        )
        self.gestures = ros.node.create_publisher(EpisodeEvent, '/episode_event', 10)
        super().__init__(ros, absent=absent, **params)
        ros.wait(lambda: self.gestures.get_subscription_count() > 1, what='the listener')

    @property
    def phases(self) -> list[str]:
        names = [message.phase for message in self.shown]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    def phase(self, name: str) -> None:
        """Waits for it."""
        self.until(lambda: self.phases and self.phases[-1] == name, f'phase {name}')

    def gesture(self, text: str, age_ns: int = 0) -> None:
        event = EpisodeEvent(node='teleop', kind='gesture', text=text)
        event.header.stamp = time_message(self.time_ns - age_ns)
        self.gestures.publish(event)

    def ask(self, name: str) -> Any:
        """The answer of one of the demonstration's own services."""
        client = self.ros.node.create_client(Trigger, f'/demonstration/{name}')
        self.until(client.service_is_ready, f'/demonstration/{name}')
        answer = client.call_async(Trigger.Request())
        self.until(answer.done, 'the answer')
        self.ros.node.destroy_client(client)
        return answer.result()

    def leaders(self) -> list[str]:
        """The states that the leaders were asked for."""
        return [request.state for name, request in self.calls if name == '/teleop/set_leaders']
