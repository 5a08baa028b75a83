"""Matches one frame per camera by capture stamp, as the frames come in.

The cameras' waiting frames form lanes, oldest first; the first of each lane are the *heads*.

1. Heads further apart than the slop: the oldest has no partner any more and is dropped.
2. Heads within the slop are a set, at once, unless a much nearer partner is due: if the frames
   that follow the oldest heads by their cameras' periods would make the spread smaller by more
   than a third of the shortest period, the oldest head is dropped. That is how cameras that run
   freely settle on their nearest neighbours after a start or a lost frame. A third is more than
   cameras jitter: those with two alignments nearly as good don't go back and forth between them,
   which would cost a frame each time.

What follows from it:
- The spread never exceeds the slop, a frame is in one set at most, and references increase.
- Stamps alone decide. As long as each camera's own frames come in order and none lags by more
  than ``depth`` frames, the sets are the same in whatever order the cameras' frames come. Frames
  of one camera can't change places within the slop unless they are closer together than it.
- Each set is given out when its last frame arrives.
- A slop up to two thirds of the shortest period: as many sets as any matching could have (the
  oldest head's next frame would make the spread a period less what it is now; that is no gain of
  a third until it is above two thirds). A wider slop may lose one set to a better alignment.
- A frame costs O(cameras squared) at most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar

from wam_core.errors import WamError

Frame = TypeVar('Frame')

STALL_PERIODS: Final = 3
# A stamp this much older than the camera's newest is a clock that was set back, not a late frame.
CLOCK_RESET_NS: Final = 1_000_000_000
# A set to come must be better by the shortest period divided by this: see rule 2 above.
_GAIN_DIVISOR: Final = 3


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

    def drop(self) -> None:
        """Gives up the oldest frame."""
        self.counts.dropped += 1
        self.gone_ns = self.stamps.pop(0)
        del self.frames[0]

    def take(self) -> tuple[int, Frame]:
        """The oldest frame, for a set."""
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
        self._gain_ns = shortest_ns // _GAIN_DIVISOR
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
        # Whatever is left waits for a camera that has nothing: there is no set to make of it.
        if len(lane.stamps) > self._depth:
            self._drop_head(lane)
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
            if spread_ns > self._slop_ns or self._nearer_is_due(heads, spread_ns):
                self._drop_head(self._order[heads.index(min(heads))])
            else:
                sets.append(self._take())
        return sets

    def _nearer_is_due(self, heads: Sequence[int], spread_ns: int) -> bool:
        """Whether frames that follow the oldest heads, by their periods, make a better set."""
        stamps, newest = list(heads), max(heads)
        best_ns = spread_ns
        while min(stamps) < newest:
            oldest = stamps.index(min(stamps))
            stamps[oldest] += self._order[oldest].period_ns
            best_ns = min(best_ns, max(stamps) - min(stamps))
        return best_ns < spread_ns - self._gain_ns

    def _take(self) -> MatchedSet[Frame]:
        taken = [lane.take() for lane in self._order]
        return MatchedSet(tuple(stamp for stamp, _ in taken), tuple(frame for _, frame in taken))

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
        lane.drop()


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
