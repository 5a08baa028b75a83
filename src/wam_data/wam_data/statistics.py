"""What was recorded, counted while it is written: messages, gaps and rates per topic, spreads."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from wam_core.errors import WamError
from wam_data.cdr import frame_set_spread
from wam_data.interventions import EXECUTOR_STATE, InterventionCounter, tick_or_none
from wam_data.manifest import Intervention, Spread, TopicStatistics

FRAME_SET: Final = 'wam_msgs/msg/FrameSet'
_NS: Final = 1e9
_MISSED: Final = 1.5  # a gap of more than so many periods counts as missing messages
# A gap at an end of the episode counts from here on, in periods and in ns: phases differ, and what
# is under way when it begins or ends is not lost.
_AT_END: Final = 2.0
_UNDER_WAY_NS: Final = 50_000_000


@dataclass
class TopicCounter:
    """Counts of one topic. period_ns: its nominal period; 0: none, then none can be missing."""

    type: str
    period_ns: int = 0
    messages: int = 0
    bytes: int = 0
    backwards: int = 0
    first_ns: int = 0
    last_ns: int = 0
    first_log_ns: int = 0
    last_log_ns: int = 0
    largest_gap_ns: int = 0
    skipped: int = 0

    @property
    def missing(self) -> int:
        """Messages that never came between the first and the last: as many as the gaps leave room
        for, and as the count lacks.

        Gaps alone would count late messages, and the count alone a source that is a little slow.
        """
        if not self.period_ns or not self.messages:
            return 0
        expected = round((self.last_ns - self.first_ns) / self.period_ns) + 1
        return max(0, min(self.skipped, expected - self.messages))

    def missing_at_ends(self, start_ns: int, stop_ns: int) -> int:
        """Messages that never came between the start of the episode and the first one, and between
        the last one and its stop; 0 for a topic without any. ROS clock; 0: not known.

        By stamp or by receipt, whichever leaves less room: stamps may be of another clock, and
        receipts late.
        """
        if not self.period_ns or not self.messages:
            return 0
        gaps = []
        if start_ns:
            gaps.append(min(self.first_ns, self.first_log_ns) - start_ns)
        if stop_ns:
            gaps.append(stop_ns - max(self.last_ns, self.last_log_ns))
        least = max(_AT_END * self.period_ns, _UNDER_WAY_NS)
        return sum(gap // self.period_ns for gap in gaps if gap > least)

    def observe(self, size: int, stamp_ns: int, log_ns: int) -> None:
        """One written message of ``size`` bytes. stamp_ns: of its header; log_ns: of its receipt,
        both on the ROS clock."""
        if self.messages == 0:
            self.first_ns, self.first_log_ns = stamp_ns, log_ns
        else:
            self._gap(stamp_ns - self.last_ns)
        self.last_ns, self.last_log_ns = stamp_ns, log_ns
        self.messages += 1
        self.bytes += size

    def _gap(self, gap_ns: int) -> None:
        self.largest_gap_ns = max(self.largest_gap_ns, gap_ns)
        if gap_ns < 0:
            self.backwards += 1
        elif self.period_ns and gap_ns > _MISSED * self.period_ns:
            self.skipped += round(gap_ns / self.period_ns) - 1

    def result(self, start_ns: int = 0, stop_ns: int = 0) -> TopicStatistics:
        """For the manifest. start_ns, stop_ns: of the episode, ROS clock; 0: not known."""
        span_s = (self.last_ns - self.first_ns) / _NS
        return TopicStatistics(
            type=self.type,
            messages=self.messages,
            bytes=self.bytes,
            missing=self.missing + self.missing_at_ends(start_ns, stop_ns),
            backwards=self.backwards,
            rate_hz=round((self.messages - 1) / span_s, 3) if span_s > 0 else 0.0,
            largest_gap_s=self.largest_gap_ns / _NS,
            period_s=self.period_ns / _NS,
        )


class Counters:
    """All topics of an episode, the spread of its camera sets, and when a person intervened."""

    def __init__(self) -> None:
        self._topics: dict[str, TopicCounter] = {}
        self._sets = 0
        self._spread_sum_ns = 0
        self._spread_max_ns = 0
        self._interventions = InterventionCounter()

    def add(self, topic: str, kind: str, period_ns: int = 0) -> None:
        """Declares a topic; one without a message is counted as 0."""
        self._topics.setdefault(topic, TopicCounter(kind, period_ns))

    def observe(self, topic: str, data: bytes, stamp_ns: int, log_ns: int) -> None:
        """One written message of a declared topic."""
        counter = self._topics[topic]
        counter.observe(len(data), stamp_ns, log_ns)
        if counter.type == FRAME_SET:
            self._observe_spread(data)
        elif counter.type == EXECUTOR_STATE and (tick := tick_or_none(data)) is not None:
            self._interventions.observe(tick)

    def _observe_spread(self, data: bytes) -> None:
        try:
            spread_ns, _ = frame_set_spread(data)
        except WamError:
            return  # an odd message is recorded all the same; verify names it
        self._sets += 1
        self._spread_sum_ns += spread_ns
        self._spread_max_ns = max(self._spread_max_ns, spread_ns)

    @property
    def topics(self) -> Mapping[str, TopicCounter]:
        """Of every declared topic, in order of declaration."""
        return self._topics

    def statistics(self, start_ns: int = 0, stop_ns: int = 0) -> dict[str, TopicStatistics]:
        """For the manifest. start_ns, stop_ns: of the episode, ROS clock; 0: not known, and then
        nothing is missing at that end."""
        return {name: counter.result(start_ns, stop_ns) for name, counter in self._topics.items()}

    def spread(self) -> Spread | None:
        """Of the recorded camera sets; None without one."""
        if self._sets == 0:
            return None
        mean_ms = self._spread_sum_ns / self._sets / 1e6
        return Spread(self._sets, round(mean_ms, 6), self._spread_max_ns / 1e6)

    def interventions(self) -> tuple[Intervention, ...]:
        """When a person had the arms in a run that a policy began."""
        return self._interventions.result()


def with_dropped(
    written: Mapping[str, TopicStatistics], dropped: Mapping[str, int]
) -> dict[str, TopicStatistics]:
    """Statistics with the counts of messages that never reached the writer."""
    return {
        topic: replace(entry, dropped=dropped.get(topic, 0)) for topic, entry in written.items()
    }
