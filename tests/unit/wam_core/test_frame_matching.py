"""The matcher against its promises, and against matchings that look at everything at once."""

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_core.frame_matching import FrameMatcher, MatchedSet

MS = 1_000_000
PERIOD = 33 * MS
Frame = tuple[str, int]


def feed(matcher: FrameMatcher[Frame], arrivals: list[Frame]) -> list[MatchedSet[Frame]]:
    return [
        matched
        for camera, stamp in arrivals
        for matched in matcher.add(camera, stamp, (camera, stamp))
    ]


def matcher(
    cameras: int = 3, slop: int = PERIOD // 2, depth: int = 8, period: int = PERIOD
) -> FrameMatcher[Frame]:
    return FrameMatcher([f'cam{index}' for index in range(cameras)], slop, depth, period)


def in_capture_order(streams: dict[str, list[int]]) -> list[Frame]:
    return sorted(
        ((camera, stamp) for camera, stamps in streams.items() for stamp in stamps),
        key=lambda arrival: (arrival[1], arrival[0]),
    )


def most_sets(streams: dict[str, list[int]], slop: int) -> int:
    """The size of a largest matching, by trying every set or leaving out every head."""
    lanes = [sorted(stamps) for stamps in streams.values()]
    best: dict[tuple[int, ...], int] = {}

    def solve(at: tuple[int, ...]) -> int:
        if any(index == len(lane) for index, lane in zip(at, lanes, strict=True)):
            return 0
        if at not in best:
            heads = [lane[index] for index, lane in zip(at, lanes, strict=True)]
            skip = max(
                solve((*at[:lane], at[lane] + 1, *at[lane + 1 :])) for lane in range(len(at))
            )
            taken = 0
            if max(heads) - min(heads) <= slop:
                taken = 1 + solve(tuple(index + 1 for index in at))
            best[at] = max(skip, taken)
        return best[at]

    return solve((0,) * len(lanes))


@st.composite
def streams(draw: st.DrawFn, cameras: int = 3, jitter_ms: int = 8) -> dict[str, list[int]]:
    """Triggered cameras with jitter, each of which loses some frames."""
    count = draw(st.integers(1, 7))
    result = {}
    for index in range(cameras):
        stamps = []
        for trigger in range(count):
            jitter = draw(st.integers(-jitter_ms, jitter_ms)) * MS
            if draw(st.integers(0, 9)) > 0:
                stamps.append((trigger + 1) * PERIOD + jitter)
        result[f'cam{index}'] = stamps
    return result


@st.composite
def chaos(draw: st.DrawFn) -> list[Frame]:
    """Any stamps in any order, with repetitions and clocks that are set back."""
    stamp = st.integers(0, 40).map(lambda tick: tick * 5 * MS) | st.integers(0, 10**11)
    return draw(st.lists(st.tuples(st.sampled_from(['cam0', 'cam1', 'cam2']), stamp), max_size=60))


@given(chaos(), st.integers(0, PERIOD - 1), st.integers(2, 5))
@settings(max_examples=300, deadline=None)
def test_whatever_comes_sets_are_within_the_slop_and_frames_are_used_once(
    arrivals: list[Frame], slop: int, depth: int
) -> None:
    subject = matcher(slop=slop, depth=depth)
    sets: list[MatchedSet[Frame]] = []
    epoch = 0
    for camera, stamp in arrivals:
        new = subject.add(camera, stamp, (camera, stamp))
        if subject.resets > epoch:
            epoch, sets = subject.resets, []
        sets += new
        for matched in new:
            assert matched.spread_ns <= slop
            assert [frame[0] for frame in matched.frames] == ['cam0', 'cam1', 'cam2']
            assert tuple(frame[1] for frame in matched.frames) == matched.stamps_ns
        references = [matched.reference_ns for matched in sets]
        assert references == sorted(set(references))
        used = [frame for matched in sets for frame in matched.frames]
        assert len(used) == len(set(used))


@given(chaos(), st.integers(2, 5))
@settings(max_examples=200, deadline=None)
def test_memory_is_bounded_and_every_frame_is_accounted_for(
    arrivals: list[Frame], depth: int
) -> None:
    subject = matcher(depth=depth)
    matched = 0
    for number, arrival in enumerate(arrivals, start=1):
        matched += len(feed(subject, [arrival]))
        counts = subject.counts.values()
        assert sum(count.received for count in counts) == number
        for count in counts:
            gone = count.matched + count.dropped + count.late + count.duplicate
            assert 0 <= count.received - gone <= depth
            assert count.matched == matched
    subject.clear()
    for count in subject.counts.values():
        gone = count.matched + count.dropped + count.late + count.duplicate
        assert count.received == gone


@given(streams(jitter_ms=16), st.integers(0, PERIOD * 2 // 3))
@settings(max_examples=200, deadline=None)
def test_a_slop_of_two_thirds_of_a_period_misses_no_set_that_any_matching_could_have(
    frames: dict[str, list[int]], slop: int
) -> None:
    ordered = {camera: sorted(set(stamps)) for camera, stamps in frames.items()}
    sets = feed(matcher(slop=slop), in_capture_order(ordered))
    assert len(sets) == most_sets(ordered, slop)


@given(streams(), st.data(), st.sampled_from([4 * MS, PERIOD // 2, 20 * MS, PERIOD - 1]))
@settings(max_examples=300, deadline=None)
def test_the_order_in_which_cameras_deliver_does_not_matter(
    frames: dict[str, list[int]], data: st.DataObject, slop: int
) -> None:
    expected = feed(matcher(slop=slop), in_capture_order(frames))
    lanes = {camera: list(stamps) for camera, stamps in frames.items()}
    arrivals: list[Frame] = []
    while any(lanes.values()):
        camera = data.draw(st.sampled_from([name for name, lane in lanes.items() if lane]))
        arrivals.append((camera, lanes[camera].pop(0)))
    assert feed(matcher(slop=slop), arrivals) == expected


@given(streams(jitter_ms=6), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_the_order_of_arrival_within_the_slop_does_not_matter(
    frames: dict[str, list[int]], random_order: random.Random
) -> None:
    slop = PERIOD // 2
    ordered = in_capture_order(frames)
    shuffled = sorted(ordered, key=lambda arrival: arrival[1] + random_order.randint(0, slop))
    assert feed(matcher(slop=slop), shuffled) == feed(matcher(slop=slop), ordered)


@given(st.integers(2, 4), st.integers(0, 8), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_a_set_of_triggered_cameras_is_out_with_its_last_frame(
    cameras: int, jitter_ms: int, order: random.Random
) -> None:
    subject = matcher(cameras)
    for trigger in range(1, 6):
        names = [f'cam{index}' for index in range(cameras)]
        order.shuffle(names)
        stamps = {name: trigger * PERIOD + order.randint(0, jitter_ms) * MS for name in names}
        given_out = [feed(subject, [(name, stamps[name])]) for name in names]
        assert [len(sets) for sets in given_out] == [0] * (cameras - 1) + [1]
        assert set(given_out[-1][0].stamps_ns) == set(stamps.values())


def test_free_running_cameras_settle_on_the_nearer_neighbour() -> None:
    subject = matcher(2, slop=25 * MS)
    frames = {
        'cam0': [count * PERIOD for count in range(6)],
        'cam1': [count * PERIOD + 23 * MS for count in range(6)],
    }
    sets = feed(subject, in_capture_order(frames))
    assert [matched.spread_ns for matched in sets] == [10 * MS] * 5
    assert subject.counts['cam0'].dropped == 1


@given(
    st.lists(st.integers(0, 32), min_size=2, max_size=4),
    st.integers(0, 2),
    st.randoms(use_true_random=False),
)
@settings(max_examples=200, deadline=None)
def test_free_running_cameras_lose_frames_at_the_ends_only(
    phases_ms: list[int], jitter_ms: int, order: random.Random
) -> None:
    count, slop = 40, PERIOD - 5 * MS
    frames = {
        f'cam{index}': [
            number * PERIOD + phase_ms * MS + order.randint(-jitter_ms, jitter_ms) * MS
            for number in range(1, count + 1)
        ]
        for index, phase_ms in enumerate(phases_ms)
    }
    sets = feed(matcher(len(phases_ms), slop), in_capture_order(frames))
    assert len(sets) >= count - 2
    # Settled: no alignment is better by more than a third of a period and the jitter.
    best_ns = (
        min(
            max(shifted) - min(shifted)
            for cut in range(33)
            for shifted in [[phase + 33 if phase < cut else phase for phase in phases_ms]]
        )
        * MS
    )
    limit_ns = best_ns + PERIOD // 3 + 4 * jitter_ms * MS
    assert all(matched.spread_ns <= limit_ns for matched in sets[2:])


def test_alignments_that_are_nearly_as_good_are_not_changed() -> None:
    subject = matcher(3, slop=27 * MS)
    jitter = itertools.cycle([0, 2 * MS, -2 * MS, MS, -MS])
    frames = {
        f'cam{index}': [count * PERIOD + index * 11 * MS + next(jitter) for count in range(1, 30)]
        for index in range(3)
    }
    assert len(feed(subject, in_capture_order(frames))) == 29


def test_every_set_of_free_running_cameras_is_out_with_its_last_frame() -> None:
    subject = matcher(3, slop=25 * MS)
    for count in range(1, 6):
        base = count * PERIOD
        assert feed(subject, [('cam0', base), ('cam1', base + 11 * MS)]) == []
        assert len(feed(subject, [('cam2', base + 22 * MS)])) == 1


def test_a_camera_that_leaves_frames_out_is_missing_once_per_moment() -> None:
    subject = matcher(3)
    frames = {
        f'cam{index}': [count * PERIOD + index * MS for count in range(6)] for index in (0, 1)
    }
    frames['cam2'] = [count * PERIOD for count in (0, 3, 5)]
    assert len(feed(subject, in_capture_order(frames))) == 3
    counts = subject.counts
    assert [counts[name].missing for name in ('cam0', 'cam1', 'cam2')] == [0, 0, 3]
    assert [counts[name].dropped for name in ('cam0', 'cam1', 'cam2')] == [3, 3, 0]


def test_a_stalled_camera_is_named_and_the_others_are_still_accounted_for() -> None:
    subject = matcher(2, depth=3)
    feed(subject, [('cam0', 0), ('cam1', 0)])
    for count in range(1, 20):
        feed(subject, [('cam0', count * PERIOD)])
    assert subject.stalled(3 * PERIOD) == ('cam0',)  # its newest stamp is from the future
    assert subject.stalled(19 * PERIOD) == ('cam1',)
    assert subject.counts['cam0'].dropped == 16
    assert subject.counts['cam1'].missing == 16
    assert len(feed(subject, [('cam1', 19 * PERIOD)])) == 1


def test_a_camera_that_never_came_is_stalled() -> None:
    assert matcher(2).stalled(0) == ('cam0', 'cam1')


def test_late_and_duplicate_frames_are_counted() -> None:
    subject = matcher(2)
    feed(subject, [('cam0', 10), ('cam0', 10), ('cam1', 10), ('cam0', 10), ('cam0', 5)])
    counts = subject.counts['cam0']
    assert (counts.received, counts.matched, counts.duplicate, counts.late) == (4, 1, 1, 2)


def test_a_clock_that_is_set_back_is_survived() -> None:
    subject = matcher(2)
    late = 3600 * 1000 * MS
    assert len(feed(subject, [('cam0', late), ('cam1', late), ('cam0', late + PERIOD)])) == 1
    assert len(feed(subject, [('cam0', 0), ('cam1', 0)])) == 1
    assert subject.resets == 1
    assert subject.counts['cam0'].dropped == 1


@pytest.mark.parametrize(
    ('cameras', 'slop', 'depth', 'period', 'text'),
    [
        ([], 1, 4, 10, 'expected one or more different names'),
        (['a', 'a'], 1, 4, 10, 'expected one or more different names'),
        (['a'], 10, 4, 10, 'slop = 10 ns, allowed 0 to below the shortest period, 10 ns'),
        (['a'], -1, 4, 10, 'slop = -1 ns'),
        (['a'], 1, 1, 10, 'depth = 1, allowed 2 or more'),
        (['a'], 1, 4, 0, 'period of a = 0 ns, expected above 0'),
        (['a', 'b'], 1, 4, {'a': 10}, r"period_ns lacks \['b'\]"),
    ],
)
def test_nonsense_is_refused(
    cameras: list[str], slop: int, depth: int, period: int | dict[str, int], text: str
) -> None:
    with pytest.raises(WamError, match=text):
        FrameMatcher[Frame](cameras, slop, depth, period)


def test_an_unknown_camera_is_refused_with_the_known_ones() -> None:
    with pytest.raises(WamError, match=r"unknown camera 'x', expected one of \['cam0', 'cam1'\]"):
        matcher(2).add('x', 0, ('x', 0))
