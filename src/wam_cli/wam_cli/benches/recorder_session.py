"""Starts and stops an episode, as a process: ``python -m …recorder_session``.

Prints ``heard`` when the recorder has heard of all that it must record. After a line on its
standard input it starts an episode and prints ``ready``; at the end of its standard input it
prints one JSON object: ``episode``, its directory, and ``message``, what the recorder said.
"""

import json
import sys
import time
from typing import Any, Final

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from wam_msgs.srv import StartEpisode, StopEpisode

from wam_core.errors import WamError

_PATIENCE_S: Final = 60.0
_RETRY_S: Final = 0.2
_DISCOVERY_S: Final = 1.0


def main() -> int:
    """Raises WamError when the recorder refuses or does not answer."""
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    session = Session()
    session.wait_until_heard()
    print('heard', flush=True)
    sys.stdin.readline()
    answer = session.start()
    if not answer.accepted:
        raise WamError(f'/recorder/start_episode: {answer.message}')
    print('ready', flush=True)
    sys.stdin.read()
    stopped = session.stop()
    print(json.dumps({'episode': stopped.episode, 'message': stopped.message}), flush=True)
    session.destroy_node()
    rclpy.shutdown()
    return 0


class Session(Node):
    """Raises WamError when nobody answers."""

    def __init__(self) -> None:
        super().__init__('bench_recorder_session')
        self._start = self.create_client(StartEpisode, '/recorder/start_episode')
        self._stop = self.create_client(StopEpisode, '/recorder/stop_episode')
        for client in (self._start, self._stop):
            if not client.wait_for_service(_PATIENCE_S):
                raise WamError(f'{client.srv_name}: nobody serves it')
        # We know of the server; Fast DDS drops its answers as long as it doesn't know of us.
        time.sleep(_DISCOVERY_S)

    def wait_until_heard(self) -> None:
        """Records an episode of nothing: the one that counts then has nothing but the load."""
        deadline = time.monotonic() + _PATIENCE_S
        while not (answer := self.start()).accepted:
            if not answer.waiting or time.monotonic() > deadline:
                raise WamError(f'/recorder/start_episode: {answer.message}')
            time.sleep(_RETRY_S)
        self.stop()

    def start(self) -> Any:
        """The recorder's answer."""
        request = StartEpisode.Request(task='bench', task_name='bench', policy='bench')
        return self._answer(self._start, request)

    def stop(self) -> Any:
        """The recorder's answer."""
        return self._answer(self._stop, StopEpisode.Request())

    def _answer(self, client: Any, request: Any) -> Any:
        future = client.call_async(request)
        rclpy.spin_until_future_complete(self, future, timeout_sec=_PATIENCE_S)
        if not future.done():
            raise WamError(f'{client.srv_name}: no answer in {_PATIENCE_S:g} s')
        return future.result()


if __name__ == '__main__':
    sys.exit(main())
