"""What goes on beside the episodes of a command: the graph, the display, Ctrl-C, the space key."""

from collections.abc import Callable, Sequence

from wam_cli.graph_process import GraphProcess
from wam_cli.interruption import Interruption
from wam_cli.status import Display, Status
from wam_cli.stop_key import REASON, StopKey


class GraphSession:
    """name: of the graph, and of the command. words: the graph's arguments.

    graph, key: to be entered by the command, the graph only where it is not attached to one that
    runs. stop_arms: stops the arms for a reason, and says whether an executor listens; set it as
    soon as there is a ROS node. press: takes the keys that aren't the stop's.
    """

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        status: Status,
        display: Display,
        interruption: Interruption,
    ) -> None:
        self.status = status
        self.display = display
        self.graph = GraphProcess(name, words, self.stopping)
        self.key = StopKey(self._stop, display.say)
        self.stop_arms: Callable[[str], bool] = lambda reason: False
        self.press: Callable[[str], object] = lambda key: None
        self._name = name
        self._interruption = interruption
        status.hint = 'space: stop' if self.key.present else ''

    def tick(self) -> None:
        """While waiting for the graph. Raises what ends the wait."""
        self._look()
        self._interruption.check()
        self.graph.check()

    def typed(self, typing: bool) -> list[str]:
        """The keys that a question gets, see ``outcome_prompt.ask``. Raises what ends the wait."""
        self._interruption.check()
        self.graph.check()
        return self.key.poll(typing=typing)

    def stop_graph(self) -> None:
        """Stops it in order, and says how parking went."""
        self.graph.stop()
        if parked := self.graph.parking():
            self.display.say(parked)

    def stopping(self) -> None:
        """While the graph is being stopped."""
        if parked := self.graph.parking():
            self.status.phase, self.status.progress = 'parking, Ctrl-C leaves it out:', parked
        self._look()
        self._interruption.check()

    def _look(self) -> None:
        for key in self.key.poll():
            self.press(key)
        self.display.show(self.status)

    def _stop(self) -> bool:
        return self.stop_arms(REASON.format(self._name))
