import dataclasses
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from episode_maker import (
    HIGH,
    JOINTS,
    START_NS,
    WRIST,
    EpisodeMaker,
    Written,
    measured,
    messages,
    picture,
    position,
    sent,
    stamped,
)
from hypothesis import given
from hypothesis import strategies as st
from sensor_msgs.msg import Image, JointState
from wam_msgs.msg import ExecutorState

from wam_core.errors import WamError
from wam_data.checks.streams import camera_spreads
from wam_data.checks.thresholds import BOUNDS, Thresholds
from wam_data.definitions import Definitions
from wam_data.frames import jpeg_encoder
from wam_data.identity import Origin
from wam_data.layout import METADATA, RECORDING
from wam_data.verify import VerificationReport, verify

Change = Callable[[Written], Written | None]


@pytest.fixture
def make(tmp_path: Path, definitions: Definitions) -> EpisodeMaker:
    return EpisodeMaker(tmp_path / 'episodes', definitions, flawless())


def flawless(cache: list[Written] = []) -> list[Written]:  # noqa: B006 - made once
    if not cache:
        cache.extend(messages())
    return cache


def each(topic: str, change: Change) -> Callable[[list[Written]], list[Written]]:
    """Spoils all messages of a topic; None drops one."""

    def spoil(written: list[Written]) -> list[Written]:
        changed = [change(m) if m.topic == topic else m for m in written]
        return [message for message in changed if message is not None]

    return spoil


def between(start_s: float, stop_s: float, change: Change) -> Change:
    def limited(message: Written) -> Written | None:
        at = (message.log_ns - START_NS) / 1e9
        return change(message) if start_s <= at < stop_s else message

    return limited


def drop(message: Written) -> None:
    return None


def with_data(data: Callable[[Written], bytes]) -> Change:
    return lambda message: dataclasses.replace(message, data=data(message))


def stamp_of(message: Written) -> int:
    seconds, rest = np.frombuffer(message.data[4:12], '<i4')
    return int(seconds) * 1_000_000_000 + int(rest)


def restamped(shift_ns: int) -> Change:
    def change(message: Written) -> Written:
        seconds, rest = divmod(stamp_of(message) + shift_ns, 1_000_000_000)
        stamp = np.array([seconds, rest], '<i4').tobytes()
        return dataclasses.replace(message, data=message.data[:4] + stamp + message.data[12:])

    return change


def found(report: VerificationReport) -> tuple[Sequence[str], Sequence[str]]:
    return report.problems, report.flaws


def test_a_flawless_episode(make: EpisodeMaker) -> None:
    report = verify(make())
    assert report.clean, report.text()
    assert report.messages == len(make.written)
    assert report.notes == ()
    assert report.text().endswith(f'ok, {len(make.written)} messages')


FROZEN = with_data(lambda message: picture(stamp_of(message), 1))
FULL = {'name': ['waist'], 'position': [0.0], 'velocity': [0.0], 'effort': [0.0]}
LOW = np.where(np.arange(14) == 1, -2.2, 0.5)  # left shoulder, which stops at -1.85
NAN = np.where(np.arange(14) == 3, np.nan, 0.5)


@pytest.mark.parametrize(
    ('topic', 'change', 'expected'),
    [
        (HIGH, between(0.5, 1.0, drop), f'topic {HIGH}: nothing for 0.5.* s from 0.4.* s on'),
        (HIGH, between(0.0, 0.4, drop), f'topic {HIGH}: nothing for 0.4.* s from 0 s on'),
        (WRIST, between(1.4, 9, drop), f'topic {WRIST}: nothing for 0.6.. s from 1.3.* s on'),
        (JOINTS, between(0.5, 0.8, drop), 'joint_states: nothing for 0.31 s'),
        ('/proprioception', between(1.0, 1.5, drop), '/proprioception: nothing for 0.51 s'),
        ('/executor_state', between(1.0, 1.5, drop), '/executor_state: nothing for 0.5.* s'),
        ('/executor_state', between(1.0, 1.1, drop), '/executor_state: [23] of 50 ticks of the'),
        ('/applied_action', between(1.0, 1.1, drop), '/applied_action: [23] of 50 ticks of the'),
        (JOINTS, between(0.5, 0.6, drop), '5.0% of its messages never came, at most 1.0%'),
        (JOINTS, with_data(lambda m: stamped(JointState(**FULL), START_NS)), '199 stamps are the'),
        (HIGH, restamped(-5_000_000_000), 'stamps are 5 s before receipt, at most 1 s'),
        (HIGH, restamped(60_000_000), 'cameras: frames are up to .* ms apart, at most 33.4 ms'),
        (HIGH, drop, f'topic {HIGH} has no picture'),
        (HIGH, between(0.3, 1.2, FROZEN), 'the picture froze 1 times, once for 0.9 s in which'),
        ('/proprioception', with_data(lambda m: measured(stamp_of(m), LOW)), 'measured -2.2 to'),
        ('/applied_action', with_data(lambda m: sent(stamp_of(m), LOW)), 'sent -2.2 to -2.2, exp'),
        ('/applied_action', with_data(lambda m: sent(stamp_of(m), NAN)), '50 sent values are not'),
        (
            '/proprioception',
            with_data(lambda m: measured(stamp_of(m), np.full(14, 1.5))),
            'left_gripper: measured 1.5 to 1.5, expected -0.2 to 1.2',
        ),
    ],
)
def test_flaws(make: EpisodeMaker, topic: str, change: Change, expected: str) -> None:
    report = verify(make(each(topic, change)))
    assert report.ok, report.text()
    assert not report.clean
    assert any(re.search(expected, flaw) for flaw in report.flaws), report.text()


def test_one_tick_in_a_hundred_is_a_note_and_a_new_executor_counts_anew(
    make: EpisodeMaker,
) -> None:
    def again(message: Written) -> bytes:
        number = (stamp_of(message) - START_NS) // 40_000_000
        state = ExecutorState(state=1, ticks=number + 100 if number < 25 else number)
        return stamped(state, stamp_of(message))

    assert not verify(make(each('/executor_state', with_data(again)))).flaws
    report = verify(
        make(each('/applied_action', between(1.0, 1.03, drop))), Thresholds(missing=0.03)
    )
    assert not report.flaws
    assert any('1 of 50 ticks' in note for note in report.notes)


def test_a_camera_at_another_rate(make: EpisodeMaker) -> None:
    numbers = iter(range(1000))
    report = verify(make(each(HIGH, lambda m: m if next(numbers) % 2 == 0 else None)))
    assert any('15 Hz, expected 30 Hz +- 10%' in flaw for flaw in report.flaws), report.text()


def test_pictures_of_one_colour(make: EpisodeMaker) -> None:
    def dark(message: Written) -> bytes:
        image = Image(height=24, width=32, encoding='rgb8', step=96, data=bytes(24 * 96))
        return jpeg_encoder(90)(stamped(image, stamp_of(message)))

    report = verify(make(each(HIGH, with_data(dark))))
    assert any('2 of the pictures looked at' in flaw for flaw in report.flaws), report.text()


def test_a_still_picture_of_still_arms_is_only_a_note(make: EpisodeMaker) -> None:
    still = with_data(lambda message: measured(stamp_of(message), position(START_NS)))

    def spoil(written: list[Written]) -> list[Written]:
        return each('/proprioception', still)(each(HIGH, FROZEN)(written))

    report = verify(make(spoil))
    assert report.clean, report.text()
    assert any('was the same for up to 1.97 s while the arms' in note for note in report.notes)


def test_a_wrist_camera_need_not_see_the_other_arm(make: EpisodeMaker) -> None:
    def right_only(message: Written) -> bytes:
        vector = position(stamp_of(message))
        vector[:7] = 0.0
        return measured(stamp_of(message), vector)

    moving = each('/proprioception', with_data(right_only))
    wrist = verify(make(lambda written: moving(each(WRIST, FROZEN)(written))))
    assert wrist.clean, wrist.text()
    high = verify(make(lambda written: moving(each(HIGH, FROZEN)(written))))
    assert not high.clean


def cut_off(message: Written) -> bytes:
    return message.data[: len(message.data) // 2]


def broken_jpeg(message: Written) -> bytes:
    return message.data[:-2] + b'xx'


@pytest.mark.parametrize(
    ('topic', 'change', 'expected'),
    [
        (HIGH, with_data(broken_jpeg), f'topic {HIGH}: 60 broken pictures'),
        ('/executor_state', with_data(cut_off), 'are not a wam_msgs/msg/ExecutorState'),
        (JOINTS, between(1.0, 1.1, restamped(-50_000_000)), '1 stamps are older'),
        ('/applied_action', drop, 'topic /applied_action has no message'),
    ],
)
def test_problems(make: EpisodeMaker, topic: str, change: Change, expected: str) -> None:
    report = verify(make(each(topic, change)))
    assert not report.ok
    assert any(expected in problem for problem in report.problems), report.text()


def test_every_byte_of_the_recording_counts(make: EpisodeMaker) -> None:
    path = make() / RECORDING
    content = path.read_bytes()
    for where in np.linspace(8, len(content) - 9, 40).astype(int):
        spoilt = bytearray(content)
        spoilt[where] ^= 0x10
        path.write_bytes(spoilt)
        report = verify(path.parent)
        assert not report.ok, where
    for size in (0, 4, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert not verify(path.parent).ok, size


def test_files_that_are_gone(make: EpisodeMaker) -> None:
    path = make()
    (path / METADATA).unlink()
    assert any(METADATA in problem for problem in verify(path).problems)
    (path / RECORDING).unlink()
    assert any('cannot be read' in problem for problem in verify(path).problems)
    with pytest.raises(WamError, match='is not an episode directory'):
        verify(path / 'nothing')


def test_a_label_can_be_asked_for(make: EpisodeMaker) -> None:
    path = make(outcome=None)
    assert verify(path).notes == ('has no outcome yet',)
    assert verify(path, Thresholds(label=True)).flaws == ('has no outcome yet',)


@pytest.mark.parametrize(
    ('rig', 'text'), [('elsewhere', "unknown rig 'elsewhere'"), ('', 'the rig is not known')]
)
def test_an_unknown_rig_is_a_note(make: EpisodeMaker, rig: str, text: str) -> None:
    report = verify(make(rig=rig))
    assert report.clean
    assert any(text in note for note in report.notes)


def test_an_imported_episode_needs_no_executor(make: EpisodeMaker) -> None:
    def without(written: list[Written]) -> list[Written]:
        return each('/executor_state', drop)(written)

    assert not verify(make(without)).ok
    origin = Origin('aloha_hdf5', 'x.hdf5', unknown=('stamps', 'outcome'))
    report = verify(make(without, origin=origin, kind='imported'))
    assert report.clean, report.text()
    assert report.notes == ('imported; not known: stamps, outcome',)


def test_what_others_sent_was_not_limited_by_us(make: EpisodeMaker) -> None:
    wide = np.where(np.isin(np.arange(14), (6, 13)), 1.1, 0.5)
    spoil = each('/applied_action', with_data(lambda m: sent(stamp_of(m), wide)))
    assert any('sent 1.1 to 1.1' in flaw for flaw in verify(make(spoil)).flaws)
    origin = Origin('aloha_hdf5', 'x.hdf5')
    assert verify(make(spoil, origin=origin, kind='imported')).clean


def test_thresholds_are_arguments(make: EpisodeMaker) -> None:
    path = make(each(HIGH, between(0.5, 1.0, drop)))
    assert not verify(path).clean
    assert verify(path, Thresholds(gap=1.0, missing=0.5, spread=300.0)).clean


@pytest.mark.parametrize('value', [0.0, -1.0, float('nan'), float('inf')])
@pytest.mark.parametrize('name', BOUNDS)
def test_thresholds_are_positive(name: str, value: float) -> None:
    with pytest.raises(WamError, match=f'threshold {name} = '):
        Thresholds(**{name: value})  # type: ignore[arg-type]


STAMPS = st.lists(st.integers(0, 10**9), min_size=1, max_size=20, unique=True).map(sorted)


@given(st.lists(STAMPS, min_size=2, max_size=4))
def test_spreads_are_of_the_nearest_frames(cameras: list[list[int]]) -> None:
    arrays = [np.array(stamps, np.int64) for stamps in cameras]
    reference = min(arrays, key=len)
    expected = []
    for at in reference:
        nearest = [int(min(abs(a - at) for a in stamps)) for stamps in arrays]
        expected.append(nearest)
    spreads = camera_spreads(arrays)
    assert len(spreads) == len(reference)
    for spread, distances in zip(spreads, expected, strict=True):
        # Every camera's nearest frame is this far from the reference, on one side or the other.
        assert max(distances) <= spread <= 2 * max(distances)


def test_one_camera_has_no_spread() -> None:
    assert camera_spreads([np.arange(5)]).size == 0
