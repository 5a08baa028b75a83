"""Writes every arrow of the data flow to an episode directory, as the CDR bytes that come."""

from functools import partial
from typing import Any

import cv2
from rclpy.node import Node
from wam_msgs.msg import EpisodeEvent
from wam_msgs.srv import LabelEpisode, StartEpisode, StopEpisode

from wam_bringup.config import config_directory, load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_data.catalogue import newest_episode
from wam_data.definitions import Definitions
from wam_data.episode import OpenEpisode
from wam_data.label import write_label
from wam_data.manifest import Outcome
from wam_data.provenance import config_hash, stack_version
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.qos import EVERY
from wam_nodes.recorder_parameters import MB, Parameters
from wam_nodes.recorder_requests import identity, outcome
from wam_nodes.recorder_topics import Tap, taps
from wam_nodes.runner import run


class RecorderNode(Node):
    """Subscribes at start-up, so that no episode begins with discovery; drops between episodes."""

    def __init__(self) -> None:
        super().__init__('recorder')
        chosen = declare(self, Parameters)
        self._rig = load_rig(chosen.rig)
        self._settings = chosen.settings()
        self._taps = taps(self._rig, chosen.choice())
        self._definitions = Definitions()
        for tap in self._taps:
            self._definitions.find(tap.topic.type)  # refuse at start-up, not in an episode
        self._provenance = config_hash(config_directory()), stack_version()
        self._episode: OpenEpisode | None = None
        self._latched: dict[str, bytes] = {}
        self._awaited = {tap.topic.name for tap in self._taps if tap.required}
        self._reported_messages = 0
        cv2.setNumThreads(1)  # the encoders are the parallelism; OpenCV's own would add to it
        self._events = self.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        for tap in self._taps:
            receive = partial(self._receive, tap)
            self.create_subscription(tap.kind, tap.source, receive, tap.qos, raw=True)
        self.create_service(StartEpisode, '/recorder/start_episode', self._start)
        self.create_service(StopEpisode, '/recorder/stop_episode', self._stop)
        self.create_service(LabelEpisode, '/recorder/label_episode', self._label)
        Diagnostics(self, self._report)

    def _receive(self, tap: Tap, data: bytes) -> None:
        self._awaited.discard(tap.topic.name)
        if tap.latched:
            self._latched[tap.topic.name] = data
        if self._episode is not None:
            self._episode.recording.offer(tap.topic.name, data, self._now_ns(), tap.transform)

    def _start(self, request: Any, response: Any) -> Any:
        if waiting := self._waiting_for():
            response.message, response.waiting = f'nothing has come yet on {waiting}', True
            return response
        try:
            if self._episode is not None:
                raise WamError(f'{self._episode.directory} is being recorded: stop it first')
            episode = OpenEpisode(
                self._settings,
                identity(request, self._rig.name, *self._provenance),
                [tap.topic for tap in self._taps],
                self._now_ns(),
                self._trouble,
                self._definitions,
            )
        except WamError as error:
            self.get_logger().error(f'start_episode refused: {error}')
            response.accepted, response.message = False, str(error)
            return response
        for topic, data in self._latched.items():
            episode.recording.offer(topic, data, self._now_ns())
        self._episode = episode
        self._reported_messages = 0
        self.get_logger().info(f'recording {episode.directory}')
        response.accepted, response.episode = True, str(episode.directory)
        return response

    def _stop(self, request: Any, response: Any) -> Any:
        try:
            if self._episode is None:
                raise WamError('no episode is being recorded')
            result = outcome(request) if request.outcome else None
            episode, self._episode = self._episode, None
            response.episode = str(episode.directory)
            response.episode = str(episode.close(result, self._now_ns()))
            response.accepted, response.message = True, episode.recording.failure
        except WamError as error:
            self.get_logger().error(f'stop_episode: {error}')
            response.accepted, response.message = False, str(error)
        else:
            self.get_logger().info(f'recorded {response.episode}')
        return response

    def _label(self, request: Any, response: Any) -> Any:
        try:
            root = self._settings.root
            episode = root / request.episode if request.episode else newest_episode(root)
            write_label(episode, outcome(request))
            response.accepted = True
        except WamError as error:
            response.accepted, response.message = False, str(error)
        return response

    def _trouble(self, text: str) -> None:
        """Called from any thread."""
        self.get_logger().error(text)
        if not self.context.ok():
            return  # shutting down: nobody listens, and publishing would fail
        event = EpisodeEvent(node='recorder', kind='fault', text=text)
        event.header.stamp = self.get_clock().now().to_msg()
        self._events.publish(event)

    def _report(self) -> Report:
        if self._episode is None:
            return Report(values={'recording': 'false', 'waiting_for': self._waiting_for()})
        status = self._episode.recording.status
        spread = self._episode.recording.writer.counters.spread()
        rate_hz = status.messages - self._reported_messages  # one report per second
        self._reported_messages = status.messages
        values = {
            'recording': 'true',
            'episode': self._episode.directory,
            'messages': status.messages,
            'bytes': status.bytes,
            'rate_hz': rate_hz,
            'dropped': status.dropped,
            'queue_mb': round(status.queue_bytes / MB, 1),
            'camera_spread_ms': round(spread.max_ms, 3) if spread else '',
        }
        return Report(
            faults=(f'{status.dropped} messages dropped',) if status.dropped else (),
            errors=(status.failure,) if status.failure else (),
            values=values,
        )

    def _waiting_for(self) -> str:
        """Topics without which an episode would lack its beginning; empty: all have come."""
        clock = () if self._now_ns() else ('/clock',)
        return ', '.join((*clock, *sorted(self._awaited)))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def destroy_node(self) -> None:
        """Closes an open episode in order: SIGINT and SIGTERM lead here."""
        episode, self._episode = self._episode, None
        if episode is not None:
            reason = 'the recorder was stopped while recording'
            result = Outcome('aborted', note=reason, by='recorder')
            try:
                self.get_logger().warning(
                    f'closed {episode.close(result, self._now_ns(), reason)} as aborted'
                )
            except WamError as error:
                self.get_logger().error(str(error))
        super().destroy_node()


def main() -> int:
    """Runs the node."""
    return run(RecorderNode)
