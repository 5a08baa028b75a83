from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from wam_core.errors import WamError
from wam_data.overlay import HEIGHT, State, strip
from wam_data.preview import write_preview
from wam_data.writer import EpisodeWriter, close_episode

Begin = Callable[..., EpisodeWriter]


def test_every_40_ms_has_a_picture_of_all_cameras(episode: Path) -> None:
    steps: list[tuple[int, int]] = []
    path = write_preview(episode, lambda done, total: steps.append((done, total)))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == 'h264'
        assert stream.average_rate == 25
        frames = [frame.to_ndarray(format='rgb24') for frame in container.decode(stream)]
    assert len(frames) == pytest.approx(50, abs=1)
    assert steps[-1][0] == steps[-1][1]
    height, width = frames[0].shape[:2]
    assert (height, width) == (360 + HEIGHT, 3 * 480)
    # Camera k was recorded with red 40 (k + 1): left to right as their names sort.
    for order in range(3):
        part = frames[-1][100:260, order * 480 + 100 : order * 480 + 380, 0]
        assert abs(float(np.median(part)) - 40 * (order + 1)) < 20
    assert not np.array_equal(frames[2][360:], frames[40][360:])
    assert [entry.name for entry in episode.iterdir() if 'tmp' in entry.name] == []


def test_without_cameras_there_is_no_preview(begin: Begin) -> None:
    writer = begin()
    writer.finish()
    target = close_episode(writer.directory, writer.manifest)
    with pytest.raises(WamError, match='no camera frames'):
        write_preview(target)
    assert not (target / 'preview.mp4').exists()


def test_bars_follow_the_grippers() -> None:
    def lit(measured: float) -> int:
        picture = strip(1440, State(measured=(measured, 0.0)))
        green = (picture == np.array((90, 190, 90), np.uint8)).all(axis=-1)
        return int(green.sum())

    assert lit(0.2) < lit(0.5) < lit(1.0) == lit(7.0)
    assert lit(float('nan')) < lit(0.0)


def test_the_source_is_named() -> None:
    pictures = [strip(1440, State(source=source)) for source in ('', 'policy', 'teleop')]
    assert len({picture.tobytes() for picture in pictures}) == 3
