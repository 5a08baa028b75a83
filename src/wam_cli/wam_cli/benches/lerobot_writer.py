"""LeRobot's own writer fed with episodes: ``python -m …lerobot_writer OUT RATE_HZ EPISODE...``.

Run it with the interpreter of ``peers.python``, as a child of a process of ours (its environment
names the workspace). Each episode goes through the same source as in an export: the same rows and
the same decoded pixels. Writes a data set OUT, which must not exist, and prints one JSON object:
``frames`` (pictures of all cameras on disk), ``rows``, ``seconds``, ``cpu_s``, ``peak_rss_mb``,
and ``read_s``, the part of ``seconds`` in which the source decoded.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wam_cli.benches import lerobot_frames
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source


class Feeder:
    """Adds the rows of episodes to a data set."""

    def __init__(self, root: Path, settings: ExportSettings) -> None:
        self._root = root
        self._settings = settings
        self._dataset: Any = None
        self.rows = 0
        self.read_s = 0.0

    def write(self, episodes: Sequence[Path]) -> None:
        """One after the other: LeRobot's writer knows nothing else."""
        for episode in episodes:
            with Source(episode, self._settings) as source:
                if self._dataset is None:
                    shapes = {name: source.shape(name) for name in source.cameras}
                    rate_hz = self._settings.rate_hz
                    self._dataset = lerobot_frames.create(self._root, rate_hz, shapes)
                self._add(source)
            self._dataset.save_episode()
        if self._dataset is not None:
            self._dataset.finalize()

    def _add(self, source: Source) -> None:
        cameras = {name: source.frames(name) for name in source.cameras}
        # Handed over as soon as the encoders have room: it drops what comes faster.
        for row in range(source.grid.count):
            frame = {
                'task': source.task or 'bench',
                lerobot_frames.STATE: source.state[row].astype(np.float32),
                lerobot_frames.ACTION: source.action[row].astype(np.float32),
            }
            for name, frames in cameras.items():
                frame[lerobot_frames.camera(name)] = self._next(frames)
            self._wait()
            self._dataset.add_frame(frame)
            self.rows += 1

    def _next(self, frames: Iterator[Any]) -> Any:
        begun = time.perf_counter()
        pixels = next(frames)
        self.read_s += time.perf_counter() - begun
        return pixels

    def _wait(self) -> None:
        encoder = self._dataset._streaming_encoder
        while any(queue.full() for queue in encoder._frame_queues.values()):
            time.sleep(0.001)


def main() -> int:
    """Writes, and tells."""
    root, rate_hz = Path(sys.argv[1]), float(sys.argv[2])
    feeder = Feeder(root, ExportSettings(rate_hz=rate_hz))
    begun, used_s = time.perf_counter(), time.process_time()
    feeder.write([Path(word) for word in sys.argv[3:]])
    answer = {
        'seconds': time.perf_counter() - begun,
        'cpu_s': time.process_time() - used_s,
        'read_s': feeder.read_s,
        'rows': feeder.rows,
        'frames': lerobot_frames.frames_on_disk(root),
        'peak_rss_mb': lerobot_frames.peak_rss_mb(),
    }
    print(json.dumps(answer), flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
