"""An encoder that wants to go before everything else does not."""

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from wam_data.export.source import Pixels
from wam_data.export.video import encode


def scheduling() -> set[tuple[int, int]]:
    """Policy and priority of all threads of this process."""
    threads = [int(task.name) for task in Path('/proc/self/task').iterdir()]
    return {(os.sched_getscheduler(i), os.sched_getparam(i).sched_priority) for i in threads}


# What was permitted to nobody can't be taken; as root, or with a limit as for a rig, it can.
@pytest.mark.parametrize('codec', ['libsvtav1', 'mpeg4'])
def test_encoding_changes_no_thread_and_adds_none_that_goes_before_others(
    tmp_path: Path, codec: str
) -> None:
    before, during = scheduling(), []

    def frames() -> Iterator[Pixels]:
        for level in range(4):
            yield np.full((64, 64, 3), 40 * level, np.uint8)
            during.append(scheduling())

    encode(tmp_path / 'video.mp4', frames(), Fraction(25), codec, {})
    assert during == [before] * 4
    assert scheduling() == before
