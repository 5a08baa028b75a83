"""Writes every arrow of the data flow to an episode directory, as the CDR bytes that come."""

from collections.abc import Sequence
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
from wam_data.open_episodes import left_open
from wam_data.provenance import config_hash, stack_version
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.qos import EVERY
from wam_nodes.recorder_intake import Intake, Taken
from wam_nodes.recorder_parameters import Parameters
from wam_nodes.recorder_report import EpisodeReport
from wam_nodes.recorder_requests import identity, outcome
from wam_nodes.recorder_topics import taps
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
        self._left_open = left_open(self._settings.root)
        if left := self._left():
            self.get_logger().warning(left)
        cv2.setNumThreads(1)  # the encoders are the parallelism; OpenCV's own would add to it
        self._events = self.create_publisher(EpisodeEvent, '/episode_event', EVERY)
        self._intake = Intake(self, self._taps, self._receive, self._wants_messages)
        self.create_service(StartEpisode, '/recorder/start_episode', self._start)
        self.create_service(StopEpisode, '/recorder/stop_episode', self._stop)
        self.create_service(LabelEpisode, '/recorder/label_episode', self._label)
        Diagnostics(self, self._report)

    def _wants_messages(self) -> bool:
        return self._episode is not None or bool(self._awaited)

    def _receive(self, batch: Sequence[Taken]) -> None:
        """Called by the intake, from its thread or from ours while that is paused."""
        recording = None if self._episode is None else self._episode.recording
        for log_ns, tap, data in batch:
            self._awaited.discard(tap.topic.name)
            if tap.latched:
                self._latched[tap.topic.name] = data
            if recording is not None:
                recording.offer(tap.topic.name, data, log_ns, tap.transform)

    def _start(self, request: Any, response: Any) -> Any:
        if waiting := self._waiting_for():
            response.message, response.waiting = f'nothing has come yet on {waiting}', True
            return response
        try:
            episode = self._open(request)
        except WamError as error:
            self.get_logger().error(f'start_episode refused: {error}')
            response.accepted, response.message = False, str(error)
            return response
        self._episode_report = EpisodeReport(episode)
        self.get_logger().info(f'recording {episode.directory}')
        response.accepted, response.episode = True, str(episode.directory)
        return response

    def _open(self, request: Any) -> OpenEpisode:
        """A new episode, with all that comes from this moment on. Raises WamError."""
        if self._episode is not None:
            raise WamError(f'{self._episode.directory} is being recorded: stop it first')
        with self._intake.paused():
            started_ns = self._now_ns()
            self._intake.skip()  # what came before is not the episode's
            episode = OpenEpisode(
                self._settings,
                identity(request, self._rig.name, *self._provenance),
                [tap.topic for tap in self._taps],
                started_ns,
                self._trouble,
                self._definitions,
            )
            for topic, data in self._latched.items():
                episode.recording.offer(topic, data, self._now_ns())
            self._episode = episode
        return episode

    def _stop(self, request: Any, response: Any) -> Any:
        try:
            if self._episode is None:
                left = self._left()
                raise WamError(f'no episode is being recorded{"; " if left else ""}{left}')
            result = outcome(request) if request.outcome else None
            episode = self._take_all()
            self._left_open.append(episode.directory)  # until it has its final name
            response.episode = str(episode.directory)
            response.episode = str(episode.close(result, self._now_ns()))
            response.accepted, response.message = True, episode.recording.failure
        except WamError as error:
            self.get_logger().error(f'stop_episode: {error}')
            response.accepted, response.message = False, str(error)
        else:
            self.get_logger().info(f'recorded {response.episode}')
        return response

    def _take_all(self) -> OpenEpisode:
        """The open episode, with all that has come until now; none is open from now on."""
        with self._intake.paused():
            self._intake.take()
            episode, self._episode = self._episode, None
        assert episode is not None
        return episode

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
        if not self._intake.alive:
            raise WamError('the intake of messages died of a fault in the recorder')
        if self._episode is not None:
            return self._episode_report.collect()
        values = {'recording': 'false', 'waiting_for': self._waiting_for()}
        left = self._left()
        return Report(faults=(left,) if left else (), values=values)

    def _left(self) -> str:
        """What earlier recorders left open, for people; empty: nothing."""
        self._left_open = [path for path in self._left_open if path.exists()]
        if not self._left_open:
            return ''
        newest = self._left_open[-1]
        return (
            f'{len(self._left_open)} episodes were left open by a recorder that died or whose '
            f'disk failed: `wam episodes recover {newest}` saves the newest one'
        )

    def _waiting_for(self) -> str:
        """Topics without which an episode would lack its beginning; empty: all have come."""
        clock = () if self._now_ns() else ('/clock',)
        return ', '.join((*clock, *sorted(self._awaited.copy())))

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)

    def destroy_node(self) -> None:
        """Closes an open episode in order: SIGINT and SIGTERM lead here."""
        self._intake.close()
        if self._episode is not None:
            episode = self._take_all()
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
