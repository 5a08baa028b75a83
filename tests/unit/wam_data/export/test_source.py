from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_episodes import (
    SECOND_NS,
    START_NS,
    Script,
    number_of,
    record,
    sent_at,
    stamps,
    state_of,
)

from wam_core.errors import WamError
from wam_core.gripper_scale import to_scale
from wam_core.joints import GRIPPERS
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.streams import camera_topics
from wam_data.frames import COMPRESSED, IMAGE
from wam_data.layout import RECORDING
from wam_data.manifest import Intervention

PERIOD_NS = 40_000_000


def times(source: Source) -> Any:
    """Of the rows, s from the episode's beginning."""
    return (source.stamps_ns - START_NS) / 1e9


def test_a_row_is_what_was_known_and_what_went_out_at_its_time(tmp_path: Path) -> None:
    with Source(record(tmp_path), ExportSettings()) as source:
        assert source.grid.period_ns == PERIOD_NS
        assert times(source).tolist() == pytest.approx(stamps(25.0, 0.6))
        assert np.allclose(source.state, [state_of(time) for time in times(source)])
        assert np.allclose(source.action, [sent_at(time) for time in times(source)])
        assert set(source.action_sources) == {'policy'}
        assert source.cameras == ('cam_high', 'cam_left_wrist', 'cam_right_wrist')
        numbers = [number_of(pixels) for pixels in source.frames('cam_left_wrist')]
        # 30 Hz: frame n at n / 30 s; the newest that is not later than the row. Stamps are whole
        # nanoseconds, hence the rounding.
        assert numbers == [int(time * 30 + 1e-6) for time in times(source)]
        assert np.all(source.frame_stamps_ns('cam_high') <= source.stamps_ns)
        assert not source.intervened.any()


def test_pixels_are_red_green_blue_from_jpeg_and_raw(tmp_path: Path) -> None:
    for number, raw in enumerate((False, True)):
        path = record(tmp_path, number, Script(raw=raw))
        with Source(path, ExportSettings()) as source:
            first = next(source.frames('cam_high'))
            assert first.shape == (32, 48, 3) == (*source.shape('cam_high'), 3)
            assert np.abs(first[0, 0].astype(int) - (0, 20, 90)).max() <= 6
            assert source.is_jpeg('cam_high') is not raw


def test_the_requested_action_is_a_choice(tmp_path: Path) -> None:
    with Source(record(tmp_path), ExportSettings(action='requested')) as source:
        assert np.allclose(source.action, [sent_at(time) + 1 for time in times(source)])


def test_nothing_later_than_a_row_goes_into_it_whatever_the_clocks(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    script = Script(
        seconds=1.6,
        tick_hz=50.0,
        camera_hz=60.0,
        moved=lambda stream, time: time + 0.1 + float(generator.uniform(-0.004, 0.004)),
    )
    with Source(record(tmp_path, script=script), ExportSettings()) as source:
        assert np.all(source.state_stamps_ns <= source.stamps_ns)
        for camera in source.cameras:
            assert np.all(source.frame_stamps_ns(camera) <= source.stamps_ns)
        action = next(report for report in source.report if report.stream == 'action')
        assert action.max_age_ms <= 2.0, 'no command of a row went out before it'
        assert action.holds == 0


def test_a_late_first_tick_does_not_shift_the_rows(tmp_path: Path) -> None:
    script = Script(
        seconds=1.2,
        moved=lambda stream, time: time + 0.006 * (stream == 'action' and time == 0.0) + 0.1,
    )
    with Source(record(tmp_path, script=script), ExportSettings()) as source:
        found = times(source) - 0.1
        assert found.tolist() == pytest.approx(stamps(25.0, 1.2))
        assert np.allclose(source.action, [sent_at(time) for time in found])


def test_the_span_is_while_somebody_did_the_task(tmp_path: Path) -> None:
    path = record(tmp_path, script=Script(seconds=1.2, active=(0.32, 0.9)))
    with Source(path, ExportSettings()) as source:
        assert times(source)[0] == pytest.approx(0.32)
        assert times(source)[-1] == pytest.approx(0.88)
    with Source(path, ExportSettings(span='whole')) as source:
        assert times(source)[-1] == pytest.approx(1.16)
        assert source.action_sources[0] == 'hold'


def test_rows_begin_when_every_stream_has(tmp_path: Path) -> None:
    path = record(
        tmp_path, script=Script(dropped=lambda stream, time: stream == 'cam_high' and time < 0.13)
    )
    with Source(path, ExportSettings()) as source:
        assert times(source)[0] == pytest.approx(0.16)
    with pytest.raises(WamError, match=r'cam_high begins 0\.133 s after .*--max-hold'):
        Source(path, ExportSettings(max_hold_s=0.1))


def test_a_gap_is_bounded_and_told(tmp_path: Path) -> None:
    script = Script(
        seconds=1.2, dropped=lambda stream, time: stream == 'cam_high' and 0.45 < time < 0.69
    )
    path = record(tmp_path, script=script)
    with Source(path, ExportSettings()) as source:
        report = {entry.stream: entry for entry in source.report}
        # Frame 13 at 0.433 s is in the rows from 0.44 s to 0.68 s.
        assert (report['cam_high'].holds, report['cam_high'].largest_hold) == (6, 6)
        assert report['cam_high'].max_age_ms == pytest.approx(246.667, abs=0.01)
        assert report['cam_left_wrist'].holds == 0
    with pytest.raises(WamError, match=r'cam_high has a gap: .* at 0\.64 s .* 0\.207 s away'):
        Source(path, ExportSettings(max_hold_s=0.2))


def test_samples_out_of_order_are_left_out_and_counted(tmp_path: Path) -> None:
    def moved(stream: str, time: float) -> float:
        return 0.1 if stream == 'state' and time == 0.3 else time

    with Source(record(tmp_path, script=Script(moved=moved)), ExportSettings()) as source:
        state = next(report for report in source.report if report.stream == 'state')
        assert state.late == 1
        assert np.all(np.diff(source.state_stamps_ns) > 0)


def test_nearest_may_take_the_frame_to_come(tmp_path: Path) -> None:
    path = record(tmp_path, script=Script(cameras={'top': (32, 48)}))
    with Source(path, ExportSettings(method='nearest')) as source:
        numbers = [number_of(pixels) for pixels in source.frames('top')]
        assert numbers == [round(time * 30) for time in times(source)][: len(numbers)]
        assert np.abs(source.frame_stamps_ns('top') - source.stamps_ns).max() < SECOND_NS / 59


def test_interventions_mark_their_rows(tmp_path: Path) -> None:
    interval = Intervention(START_NS + 3 * PERIOD_NS, START_NS + 5 * PERIOD_NS, 'teleop')
    path = record(tmp_path, script=Script(interventions=(interval,)))
    with Source(path, ExportSettings()) as source:
        assert np.flatnonzero(source.intervened).tolist() == [3, 4]


def test_jpegs_are_the_recorded_bytes(tmp_path: Path) -> None:
    with Source(record(tmp_path), ExportSettings()) as source:
        first = next(source.jpegs('cam_high'))
        assert first.startswith(b'\xff\xd8')
        assert first.endswith(b'\xff\xd9')
    with (
        Source(record(tmp_path, 2, Script(raw=True)), ExportSettings()) as source,
        pytest.raises(WamError, match='cam_high was not recorded as JPEG'),
    ):
        next(source.jpegs('cam_high'))


def test_grippers_may_be_in_the_scale_of_aloha(tmp_path: Path) -> None:
    path = record(tmp_path)
    with (
        Source(path, ExportSettings()) as ours,
        Source(path, ExportSettings(gripper_state='finger')) as theirs,
    ):
        assert np.allclose(theirs.state, to_scale(ours.state, 'finger'))
        assert np.abs(theirs.state - ours.state)[:, list(GRIPPERS)].max() > 0.05
        assert np.array_equal(theirs.action, ours.action)


def test_what_cannot_be_rows_is_named(tmp_path: Path) -> None:
    still = record(tmp_path, 1, Script(active=(0.0, 0.0)))
    with pytest.raises(WamError, match=r'0001: no tick of the executor .*--span whole'):
        Source(still, ExportSettings())
    with pytest.raises(WamError, match=r"no frames of camera 'cam_low'.*cam_high"):
        Source(still, ExportSettings(cameras=('cam_low',)))
    silent = record(tmp_path, 2, Script(dropped=lambda stream, time: stream == 'action'))
    with pytest.raises(WamError, match=r'0002: topic /applied_action has no message'):
        Source(silent, ExportSettings())
    blind = record(tmp_path, 3, Script(dropped=lambda stream, time: stream == 'cam_high'))
    with pytest.raises(WamError, match=r"cameras without a frame: \['cam_high'\]"):
        Source(blind, ExportSettings())
    with Source(blind, ExportSettings(cameras=('cam_right_wrist',))) as source:
        assert source.cameras == ('cam_right_wrist',)


@pytest.mark.parametrize('raw', [False, True])
def test_a_damaged_recording_is_named_or_read_never_worse(tmp_path: Path, raw: bool) -> None:
    path = record(tmp_path, script=Script(seconds=0.2, raw=raw))
    whole = (path / RECORDING).read_bytes()
    refused = 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        damaged = bytearray(whole)
        for place in generator.integers(0, len(damaged), 1 + seed % 4):
            damaged[place] ^= int(generator.integers(1, 256))
        (path / RECORDING).write_bytes(damaged[: len(damaged) - seed % 5 * 100])
        try:
            with Source(path, ExportSettings()) as source:
                assert all(len(list(source.frames(name))) for name in source.cameras)
        except WamError as error:
            assert str(error)
            refused += 1
    assert refused > 20


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        ({'rate_hz': 0.0}, 'rate 0 Hz'),
        ({'rate_hz': float('nan')}, 'rate nan Hz'),
        ({'max_hold_s': -1.0}, 'hold of -1 s'),
        ({'method': 'linear'}, "method 'linear'.*as_of"),
        ({'action': 'measured'}, "action 'measured'"),
        ({'span': 'half'}, "span 'half'"),
        ({'gripper_state': 'metres'}, "gripper-state 'metres'.*finger"),
        ({'cameras': ('a', 'a')}, 'twice'),
    ],
)
def test_bad_settings_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(WamError, match=message):
        replace(ExportSettings(), **change)


def test_a_camera_is_named_after_its_namespace() -> None:
    topics = {
        '/cam_high/camera/color/image_rect_raw/compressed': COMPRESSED,
        '/stereo/left/image': IMAGE,
        '/stereo/right/image': IMAGE,
        '/cam_high/camera/color/camera_info': 'sensor_msgs/msg/CameraInfo',
    }
    assert camera_topics(topics) == {
        'cam_high': '/cam_high/camera/color/image_rect_raw/compressed',
        'stereo_left_image': '/stereo/left/image',
        'stereo_right_image': '/stereo/right/image',
    }
