"""Matches one frame per camera by capture stamp, as the frames come in.

The cameras' waiting frames form lanes, oldest first; the first of each lane are the *heads*.

1. Heads further apart than the slop: the oldest has no partner any more and is dropped.
2. Heads within half of the shortest period: they are a set, at once. Cameras that keep their
   period can't offer a better one later: a set with the next frame of the oldest camera would
   spread over a period less what it has now, which is no less. (Frames that come closer together
   than the period by j could have made it better by j at most.)
3. Heads further apart than that, within a slop that is wider than half a period: the set with
   the smallest spread among those that contain the newest head is chosen, which takes the next
   frames of the cameras ahead of it.

What follows from it:
- The spread never exceeds the slop, a frame is in one set at most, and references increase (until
  the clock is set back).
- Stamps alone decide. As long as each camera's own frames come in order and none lags by more
  than ``depth`` frames, the sets are the same in whatever order the cameras' frames come. Frames
  of one camera can't change places within the slop unless they are closer together than it.
- A slop up to half of the shortest period: as many sets as any matching could have, and each is
  given out when its last frame arrives. A wider slop may lose one set to a better alignment.
- A frame costs O(cameras) when its set is accepted, O(cameras * depth) where rule 3 looks ahead.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from wam_core.errors import WamError

Frame = TypeVar('Frame')

STALL_PERIODS: Final = 3
# A stamp this much older than the camera's newest is a clock that was set back, not a late frame.
CLOCK_RESET_NS: Final = 1_000_000_000


@dataclass(frozen=True)
class MatchedSet(Generic[Frame]):
    """One frame per camera, in the matcher's order of cameras, each with its capture stamp."""

    stamps_ns: tuple[int, ...]
    frames: tuple[Frame, ...]

    @property
    def reference_ns(self) -> int:
        """Stamp of the oldest frame."""
        return min(self.stamps_ns)

    @property
    def spread_ns(self) -> int:
        """Newest stamp minus oldest stamp."""
        return max(self.stamps_ns) - min(self.stamps_ns)


@dataclass
class CameraCounts:
    """What became of a camera's frames; received is the sum of the next four and those waiting.

    matched: given out in a set. dropped: no partner, or a better one was there. late: not newer
    than a frame of this camera that is gone. duplicate: stamp of a frame that is waiting.
    missing: moments at which another camera had a frame and this one had none within the slop.
    """

    received: int = 0
    matched: int = 0
    dropped: int = 0
    late: int = 0
    duplicate: int = 0
    missing: int = 0
    last_stamp_ns: int | None = None


@dataclass
class _Lane(Generic[Frame]):
    """Waiting frames of one camera, oldest first.

    seen_ns: stamp of the last frame that came; gone_ns: of the newest that left; both of this
    clock. missed_until_ns: end of the last moment at which this camera counted as missing.
    """

    period_ns: int
    stamps: list[int] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    counts: CameraCounts = field(default_factory=CameraCounts)
    seen_ns: int | None = None
    gone_ns: int | None = None
    missed_until_ns: int | None = None

    def insert(self, stamp_ns: int, frame: Frame) -> bool:
        """Puts a frame in its place; False, and counted, for one that has none."""
        self.counts.received += 1
        self.counts.last_stamp_ns = self.seen_ns = stamp_ns
        if self.gone_ns is not None and stamp_ns <= self.gone_ns:
            self.counts.late += 1
            return False
        place = len(self.stamps)
        while place and self.stamps[place - 1] >= stamp_ns:
            place -= 1
        if place < len(self.stamps) and self.stamps[place] == stamp_ns:
            self.counts.duplicate += 1
            return False
        self.stamps.insert(place, stamp_ns)
        self.frames.insert(place, frame)
        return True

    def drop(self, count: int) -> None:
        """Gives up the oldest ``count`` frames."""
        if count:
            self.gone_ns = self.stamps[count - 1]
            self.counts.dropped += count
            del self.stamps[:count], self.frames[:count]

    def take(self, index: int) -> tuple[int, Frame]:
        """The frame at ``index``; those before it are given up."""
        self.drop(index)
        self.counts.matched += 1
        self.gone_ns = self.stamps.pop(0)
        return self.gone_ns, self.frames.pop(0)

    def clear(self) -> None:
        """Starts over, with the counts kept."""
        self.counts.dropped += len(self.stamps)
        self.stamps.clear()
        self.frames.clear()
        self.seen_ns = self.gone_ns = self.missed_until_ns = None


class FrameMatcher(Generic[Frame]):
    """The matcher of one set of cameras; what it promises is in the module's text.

    cameras: names; sets keep their order. slop_ns: largest spread of a set. depth: frames that
    wait per camera at most, from 2 on. period_ns: between frames, of all cameras or per camera;
    the slop must be below the shortest. WamError for anything else.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        slop_ns: int,
        depth: int,
        period_ns: int | Mapping[str, int],
    ) -> None:
        if not cameras or len(set(cameras)) != len(cameras):
            raise WamError(f'cameras = {list(cameras)}, expected one or more different names')
        periods = _periods(cameras, period_ns)
        shortest_ns = min(periods.values())
        if not 0 <= slop_ns < shortest_ns:
            raise WamError(
                f'slop = {slop_ns} ns, allowed 0 to below the shortest period, {shortest_ns} ns'
            )
        if depth < 2:
            raise WamError(f'depth = {depth}, allowed 2 or more frames per camera')
        self._slop_ns = slop_ns
        self._accept_ns = shortest_ns // 2
        self._depth = depth
        self._lanes: dict[str, _Lane[Frame]] = {
            camera: _Lane(periods[camera]) for camera in cameras
        }
        self._order = list(self._lanes.values())
        self._resets = 0

    def add(self, camera: str, stamp_ns: int, frame: Frame) -> list[MatchedSet[Frame]]:
        """Takes a frame: the sets that it completes, oldest first. WamError: unknown camera."""
        lane = self._lanes.get(camera)
        if lane is None:
            raise WamError(f'unknown camera {camera!r}, expected one of {list(self._lanes)}')
        if lane.seen_ns is not None and stamp_ns < lane.seen_ns - CLOCK_RESET_NS:
            self.clear()
            self._resets += 1
        if not lane.insert(stamp_ns, frame):
            return []
        sets = self._settle()
        if len(lane.stamps) > self._depth:
            sets += self._overflow(lane)
        return sets

    @property
    def counts(self) -> dict[str, CameraCounts]:
        """Per camera, as of now."""
        return {camera: replace(lane.counts) for camera, lane in self._lanes.items()}

    @property
    def resets(self) -> int:
        """How often the clock was set back."""
        return self._resets

    def stalled(self, now_ns: int) -> tuple[str, ...]:
        """The cameras without a frame for three of their periods, or without any yet.

        A newest stamp that is as far ahead of now is from before the clock was set back.
        """
        return tuple(
            camera
            for camera, lane in self._lanes.items()
            if lane.counts.last_stamp_ns is None
            or abs(now_ns - lane.counts.last_stamp_ns) > STALL_PERIODS * lane.period_ns
        )

    def clear(self) -> None:
        """Forgets the waiting frames, counted as dropped, and which stamps were seen."""
        for lane in self._order:
            lane.clear()

    def _settle(self) -> list[MatchedSet[Frame]]:
        """All that can be decided with what is there."""
        sets: list[MatchedSet[Frame]] = []
        while all(lane.stamps for lane in self._order):
            heads = [lane.stamps[0] for lane in self._order]
            spread_ns = max(heads) - min(heads)
            if spread_ns > self._slop_ns:
                self._drop_head(self._order[heads.index(min(heads))])
            elif spread_ns <= self._accept_ns:
                sets.append(self._take([0] * len(heads)))
            else:
                best, final = self._search(heads)
                if not final:
                    break
                sets.append(self._take(best))
        return sets

    def _search(self, heads: list[int]) -> tuple[list[int], bool]:
        """Indices of the set of smallest spread that contains the newest head.

        Moves the oldest camera on, frame by frame, until the newest head is the oldest of all.
        Also whether that is final: not while a frame is still to come that could be better.
        """
        pivot = heads.index(max(heads))
        stamps = list(heads)
        at = [0] * len(heads)
        best, best_ns = list(at), max(stamps) - min(stamps)
        while True:
            oldest = stamps.index(min(stamps))
            if stamps[oldest] == heads[pivot]:
                return best, True
            lane = self._order[oldest]
            at[oldest] += 1
            if at[oldest] == len(lane.stamps):
                return best, False
            stamps[oldest] = lane.stamps[at[oldest]]
            if stamps[oldest] - heads[pivot] >= best_ns:
                return best, True
            spread_ns = max(stamps) - min(stamps)
            if spread_ns < best_ns:
                best, best_ns = list(at), spread_ns

    def _take(self, indices: list[int]) -> MatchedSet[Frame]:
        taken = [lane.take(index) for lane, index in zip(self._order, indices, strict=True)]
        return MatchedSet(tuple(stamp for stamp, _ in taken), tuple(frame for _, frame in taken))

    def _overflow(self, lane: _Lane[Frame]) -> list[MatchedSet[Frame]]:
        """Makes room: decides with what is there, or gives up the oldest frame of the lane."""
        if not all(other.stamps for other in self._order):
            self._drop_head(lane)
            return []
        best, _ = self._search([other.stamps[0] for other in self._order])
        return [self._take(best), *self._settle()]

    def _drop_head(self, lane: _Lane[Frame]) -> None:
        """Gives up a head without partner; who was missing is counted once per moment."""
        stamp_ns = lane.stamps[0]
        for other in self._order:
            ahead = not other.stamps or other.stamps[0] > stamp_ns + self._slop_ns
            had_one = other.gone_ns is not None and other.gone_ns >= stamp_ns - self._slop_ns
            counted = other.missed_until_ns is not None and stamp_ns <= other.missed_until_ns
            if ahead and not had_one and not counted:
                other.counts.missing += 1
                other.missed_until_ns = stamp_ns + self._slop_ns
        lane.drop(1)


def _periods(cameras: Sequence[str], period_ns: int | Mapping[str, int]) -> dict[str, int]:
    if isinstance(period_ns, Mapping):
        missing = [camera for camera in cameras if camera not in period_ns]
        if missing:
            raise WamError(f'period_ns lacks {missing}, expected one per camera')
        periods = {camera: period_ns[camera] for camera in cameras}
    else:
        periods = dict.fromkeys(cameras, period_ns)
    for camera, period in periods.items():
        if period <= 0:
            raise WamError(f'period of {camera} = {period} ns, expected above 0')
    return periods
