"""Stamps of every topic: order, holes, rates, another clock; and how far apart the cameras are."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from wam_data.checks.finding import Findings
from wam_data.checks.thresholds import Thresholds
from wam_data.frames import COMPRESSED, IMAGE
from wam_data.manifest import EpisodeManifest
from wam_data.reader import Message

_Stamps = NDArray[np.int64]
_MANY_PUBLISHERS = ('/diagnostics', '/episode_event', '/motor_health', '/stream_status')
"""Topics whose stamps come from several nodes, and so in any order."""
_SENSORS = (IMAGE, COMPRESSED, 'sensor_msgs/msg/JointState', 'wam_msgs/msg/Proprioception')
"""Types whose stamps are new with each message, and not older than their transport takes."""
_STEADY = ('/proprioception', '/executor_state')
_PERCENTILE = 99.0


class Streams:
    """Collects the stamps of all messages of an episode."""

    def __init__(self) -> None:
        self._stamps: dict[str, array[int]] = {}
        self._receipts: dict[str, array[int]] = {}

    def observe(self, message: Message) -> None:
        """Each message once, in order of receipt."""
        if message.topic not in self._stamps:
            self._stamps[message.topic] = array('q')
            self._receipts[message.topic] = array('q')
        self._stamps[message.topic].append(message.publish_time_ns)
        self._receipts[message.topic].append(message.log_time_ns)

    def count(self, topic: str) -> int:
        """Messages of a topic."""
        return len(self._stamps.get(topic, ()))

    def stamps(self, topic: str) -> _Stamps:
        """(N,) header stamps, ns."""
        return np.asarray(self._stamps.get(topic, array('q')), np.int64)

    def findings(
        self, topics: Mapping[str, str], manifest: EpisodeManifest, bounds: Thresholds
    ) -> Findings:
        """topics: topic -> type, of all that was subscribed to."""
        found = Findings()
        span = self._span(manifest)
        for topic in self._stamps:
            self._order(topic, found)
            if topics.get(topic) in _SENSORS:
                self._repeats(topic, found)
                self._clock(topic, bounds, found)
        for topic, kind in topics.items():
            if not self.count(topic):
                if kind in (IMAGE, COMPRESSED):
                    found.flaws.append(f'topic {topic} has no picture')
                continue
            entry = manifest.topics.get(topic)
            paced = bool(entry and entry.period_s > 0)
            if paced or topic in _STEADY:
                self._gap(topic, span, bounds, found)
            if entry is not None and paced:
                self._rate(topic, 1 / entry.period_s, bounds, found)
                share = entry.missing / (entry.missing + entry.messages or 1)
                if share > bounds.missing:
                    found.flaws.append(
                        f'topic {topic}: {share:.1%} of its messages never came, '
                        f'at most {bounds.missing:.1%} are allowed'
                    )
        self._spread(topics, bounds, found)
        return found

    def _span(self, manifest: EpisodeManifest) -> tuple[int, int]:
        """Of the episode, ns, by receipts and by its manifest, whichever is longer."""
        ends = [receipts for receipts in self._receipts.values() if receipts]
        if not ends:
            return 0, 0
        start, stop = min(map(min, ends)), max(map(max, ends))
        if manifest.stopped_ns and manifest.origin is None:  # an imported one need not tell
            start, stop = min(start, manifest.started_ns), max(stop, manifest.stopped_ns)
        return start, stop

    def _order(self, topic: str, found: Findings) -> None:
        older = int((np.diff(self.stamps(topic)) < 0).sum())
        if older and topic not in _MANY_PUBLISHERS:
            found.problems.append(f'topic {topic}: {older} stamps are older than the one before')

    def _repeats(self, topic: str, found: Findings) -> None:
        same = int((np.diff(self.stamps(topic)) == 0).sum())
        if same:
            found.flaws.append(f'topic {topic}: {same} stamps are the same as the one before')

    def _clock(self, topic: str, bounds: Thresholds, found: Findings) -> None:
        receipts = np.asarray(self._receipts[topic], np.int64)
        late_s = float(np.median(receipts - self.stamps(topic))) / 1e9
        if abs(late_s) > bounds.clock:
            found.flaws.append(
                f'topic {topic}: stamps are {late_s:.3g} s before receipt, at most '
                f'{bounds.clock:g} s are allowed: another clock?'
            )

    def _gap(self, topic: str, span: tuple[int, int], bounds: Thresholds, found: Findings) -> None:
        """The ends of the episode count as well: a stream may begin late, die, or be cut off."""
        start, stop = span
        times = np.concatenate([[start], self.stamps(topic), [stop]])
        gaps = np.diff(times) / 1e9
        where = int(gaps.argmax())
        if gaps[where] > bounds.gap:
            found.flaws.append(
                f'topic {topic}: nothing for {gaps[where]:.3g} s from '
                f'{(times[where] - start) / 1e9:.3g} s on, at most {bounds.gap:g} s are allowed'
            )

    def _rate(self, topic: str, nominal: float, bounds: Thresholds, found: Findings) -> None:
        """By the median step: holes are counted by themselves already."""
        steps = np.diff(self.stamps(topic))
        if not steps.size or (median := float(np.median(steps))) <= 0:
            return
        rate = 1e9 / median
        if abs(rate / nominal - 1) > bounds.rate:
            found.flaws.append(
                f'topic {topic}: {rate:.4g} Hz, expected {nominal:.4g} Hz +- {bounds.rate:.0%}'
            )

    def _spread(self, topics: Mapping[str, str], bounds: Thresholds, found: Findings) -> None:
        cameras = [topic for topic, kind in topics.items() if kind in (IMAGE, COMPRESSED)]
        spreads = camera_spreads([self.stamps(topic) for topic in cameras if self.count(topic)])
        if not spreads.size:
            return
        worst = float(np.percentile(spreads, _PERCENTILE)) / 1e6
        if worst > bounds.spread:
            found.flaws.append(
                f'cameras: frames are up to {worst:.3g} ms apart, at most {bounds.spread:g} ms '
                'are allowed'
            )


def camera_spreads(stamps: Sequence[_Stamps]) -> _Stamps:
    """(N,) ns: newest minus oldest of the frames nearest to each frame of the slowest camera.

    stamps: of each camera, in ns, at least one each. Empty for fewer than two cameras.
    """
    if len(stamps) < 2:
        return np.zeros(0, np.int64)
    reference = min(stamps, key=len)
    nearest = [_nearest(np.sort(each), reference) for each in stamps]
    return np.asarray(np.ptp(np.stack(nearest), axis=0), np.int64)


def _nearest(stamps: _Stamps, wanted: _Stamps) -> _Stamps:
    after = np.clip(np.searchsorted(stamps, wanted), 1, max(1, len(stamps) - 1))
    before = stamps[after - 1]
    later = stamps[np.minimum(after, len(stamps) - 1)]
    return np.where(wanted - before <= later - wanted, before, later)
