"""Thumbnails of a report: which frames they are of, and what is said where there are none."""

import cv2
import numpy as np
import pytest
from episode_maker import HIGH, START_NS, EpisodeMaker, Written

from wam_data.definitions import Definitions
from wam_data.report.facts import no_pictures
from wam_data.report.gather import camera_names, gather
from wam_data.report.page import page
from wam_data.report.thumbnails import shrunk


@pytest.fixture(scope='module')
def make(tmp_path_factory: pytest.TempPathFactory, definitions: Definitions) -> EpisodeMaker:
    return EpisodeMaker(tmp_path_factory.mktemp('episodes'), definitions)


def test_a_camera_without_pictures_is_told(make: EpisodeMaker) -> None:
    def none(written: list[Written]) -> list[Written]:
        return [m for m in written if m.topic != HIGH]

    def damaged(written: list[Written]) -> list[Written]:
        return [
            Written(m.log_ns, m.topic, m.data[:-400]) if m.topic == HIGH else m for m in written
        ]

    for spoil, frames, words in (
        (none, 0, 'no frame was recorded'),
        (damaged, 60, 'none of 60 frames can be decoded'),
    ):
        content = gather(make(spoil))
        assert content.shots['cam_high'] == ()
        assert content.frames == {'cam_high': frames, 'cam_left_wrist': 60}
        assert no_pictures(content, 'cam_high') == words
        shown = page(content)
        assert f'<h3>cam_high</h3><p>{words}</p>' in shown
        assert shown.count('<img') == 8


@pytest.mark.parametrize(
    ('first_s', 'last_s', 'times'),
    [
        (0.0, 0.1, [0.067]),  # ended before the first moment: its newest frame
        (1.2, 2.0, [1.2, 1.4, 1.633, 1.867]),  # one for the five moments before it began
    ],
)
def test_a_camera_that_was_not_there_all_the_time(
    make: EpisodeMaker, first_s: float, last_s: float, times: list[float]
) -> None:
    def spoil(written: list[Written]) -> list[Written]:
        first, last = (START_NS + round(at * 1e9) for at in (first_s, last_s))
        return [m for m in written if m.topic != HIGH or first <= m.log_ns < last]

    shots = gather(make(spoil)).shots['cam_high']
    assert [shot.t_s for shot in shots] == pytest.approx(times, abs=0.04)


def test_cameras_have_short_names_if_those_tell_them_apart() -> None:
    left, colour, depth = '/left/camera/image', '/high/colour/image', '/high/depth/image'
    assert camera_names([left, colour, depth]) == {left: 'left', colour: colour, depth: depth}


def test_a_thumbnail_shrinks_to_a_width() -> None:
    picture = np.zeros((30, 60, 3), np.uint8)
    picture[:, 30:] = (10, 100, 250)  # B, G, R
    jpeg = cv2.imencode('.jpg', picture)[1].tobytes()
    small = shrunk(jpeg, 10)
    assert small.shape == (5, 10, 3)
    assert np.abs(small[:, -3:].astype(int) - (250, 100, 10)).max() < 20
    assert small[:, :3].max() < 20
    assert shrunk(jpeg, 1).shape == (1, 1, 3)
