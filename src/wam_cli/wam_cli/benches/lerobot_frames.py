"""What LeRobot's dataset writer is asked to write in the benches, and what came of it.

Import it with the interpreter of ``peers.python``. The writer streams frames to its encoders, as
LeRobot's own recording does with ``streaming_encoding``: written to PNG files first, as without,
they would be encoded after the episode, from a queue without a bound.
"""

import logging
import os
import resource
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import av

from wam_cli.benches.lerobot import dataset_class
from wam_core.joints import DIM

STATE: Final = 'observation.state'
ACTION: Final = 'action'


def camera(name: str) -> str:
    """The feature of a camera."""
    return f'observation.images.{name}'


def create(
    root: Path, rate_hz: float, shapes: Mapping[str, tuple[int, int]], state: int = DIM
) -> Any:
    """A new data set of 14 actions, ``state`` numbers and cameras: name -> height, width."""
    os.environ.setdefault('SVT_LOG', '1')  # errors only, not a page for each encoder
    logging.getLogger().setLevel(logging.ERROR)  # it warns of every tenth frame that it drops
    features: dict[str, dict[str, object]] = {
        STATE: {'dtype': 'float32', 'shape': (state,), 'names': None},
        ACTION: {'dtype': 'float32', 'shape': (DIM,), 'names': None},
    }
    for name, shape in shapes.items():
        names = ['height', 'width', 'channels']
        features[camera(name)] = {'dtype': 'video', 'shape': (*shape, 3), 'names': names}
    return dataset_class().create(
        repo_id='bench/lerobot',
        fps=round(rate_hz),
        features=features,
        root=root,
        robot_type='aloha',
        use_videos=True,
        streaming_encoding=True,
    )


def frames_on_disk(root: Path) -> int:
    """Frames in all videos of a finished data set."""
    total = 0
    for path in root.glob('videos/**/*.mp4'):
        with av.open(str(path)) as container:
            total += container.streams.video[0].frames
    return total


def peak_rss_mb() -> float:
    """Of this process, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
