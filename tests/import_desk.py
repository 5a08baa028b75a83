"""Imports for tests, and what came of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from export_episodes import number_of

from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.importing.importer import Importer, Result, Settings
from wam_data.importing.vectors import Layout


@dataclass
class Desk:
    """Imports into one root."""

    root: Path

    def importer(self, source: Path, layout: Layout | None = None, **settings: Any) -> Importer:
        plain = {'gripper_state': 'angle', 'gripper_action': 'angle'}  # numbers as they are
        return Importer(source, self.root, layout or Layout(), Settings(**(plain | settings)))

    def __call__(
        self, source: Path, layout: Layout | None = None, **settings: Any
    ) -> list[Result]:
        importer = self.importer(source, layout, **settings)
        return list(importer.run(importer.names, lambda done, total: None))

    def episodes(self) -> list[Path]:
        return sorted(self.root.glob('*/*'))


@contextmanager
def opened(result: Result, rate_hz: float = 30.0) -> Iterator[Source]:
    """An imported episode as an export sees it: at its own rate every frame is a row."""
    assert result.status == 'imported', result
    assert result.episode is not None
    with Source(result.episode, ExportSettings(rate_hz=rate_hz)) as source:
        yield source


def check_same(source: Source, found: Source) -> None:
    """An episode and what came back of its export at the same rate: the same rows and times."""
    single = np.float32
    np.testing.assert_array_equal(found.state, source.state.astype(single))
    np.testing.assert_array_equal(found.velocity, source.velocity.astype(single))
    np.testing.assert_array_equal(found.effort, source.effort.astype(single))
    np.testing.assert_array_equal(found.gripper_angle, source.gripper_angle.astype(single))
    np.testing.assert_array_equal(found.stamps_ns, source.stamps_ns)
    np.testing.assert_array_equal(found.state_stamps_ns, source.state_stamps_ns)
    np.testing.assert_array_equal(found.intervened, source.intervened)
    assert found.cameras == source.cameras
    for camera in source.cameras:
        stamps = source.frame_stamps_ns(camera)
        np.testing.assert_array_equal(found.frame_stamps_ns(camera), stamps)
        shown = [number_of(pixels) for pixels in source.frames(camera)]
        assert [number_of(pixels) for pixels in found.frames(camera)] == shown
    assert found.task == source.task
