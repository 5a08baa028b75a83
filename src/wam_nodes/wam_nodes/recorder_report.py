"""What the recorder says of an episode while it records: once per second, topic by topic."""

from typing import Final

from wam_data.episode import OpenEpisode
from wam_data.manifest import TopicStatistics
from wam_data.statistics import with_dropped
from wam_nodes.diagnostics import Report

_MB: Final = 1024 * 1024
_BEHIND_S: Final = 1.0  # what a crash may lose


class EpisodeReport:
    """Compares each moment with the one before."""

    def __init__(self, episode: OpenEpisode) -> None:
        self._episode = episode
        self._messages = 0
        self._missing: dict[str, int] = {}

    def collect(self) -> Report:
        """Of this moment."""
        recording = self._episode.recording
        status, counters = recording.status, recording.writer.counters
        began_ns = recording.writer.manifest.started_ns
        topics = with_dropped(counters.statistics(began_ns), recording.dropped)
        spread = counters.spread()
        rate_hz, self._messages = status.messages - self._messages, status.messages
        lost = {name: topic.dropped + topic.missing for name, topic in topics.items()}
        worst = max(lost, key=lambda name: lost[name])
        values: dict[str, object] = {
            'recording': 'true',
            'episode': self._episode.directory,
            'messages': status.messages,
            'bytes': status.bytes,
            'rate_hz': rate_hz,
            'dropped': status.dropped,
            'missing': sum(topic.missing for topic in topics.values()),
            'worst': worst if lost[worst] else '',
            'queue_mb': round(status.queue_bytes / _MB, 1),
            'behind_s': round(status.behind_s, 3),
            'sync_s': round(status.sync_s, 3),
            'camera_spread_ms': round(spread.max_ms, 3) if spread else '',
            'interventions': len(counters.interventions()),
        }
        for name, topic in topics.items():
            values |= _of_topic(name, topic)
        errors = (status.failure,) if status.failure else ()
        return Report(self._faults(topics), errors, values)

    def _faults(self, topics: dict[str, TopicStatistics]) -> tuple[str, ...]:
        status = self._episode.recording.status
        faults = [f'{status.dropped} messages dropped'] if status.dropped else []
        if status.behind_s > _BEHIND_S:
            faults.append(
                f'{status.behind_s:.1f} s behind: the disk or the encoders are too slow, '
                f'{status.queue_bytes / _MB:.0f} MB are waiting'
            )
        for name, topic in topics.items():
            if new := topic.missing - self._missing.get(name, 0):
                faults.append(f'{name}: {new} messages missing, by their stamps')
            self._missing[name] = topic.missing
        return tuple(faults)


def _of_topic(name: str, topic: TopicStatistics) -> dict[str, object]:
    """Nothing of a topic on which nothing has come."""
    if not topic.messages + topic.dropped:
        return {}
    return {
        f'{name}/messages': topic.messages,
        f'{name}/rate_hz': topic.rate_hz,
        f'{name}/missing': topic.missing,
        f'{name}/dropped': topic.dropped,
        f'{name}/largest_gap_s': round(topic.largest_gap_s, 4),
    }
