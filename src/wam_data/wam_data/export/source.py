"""An episode as rows on a regular grid: what every export format writes."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from wam_core.errors import WamError
from wam_core.gripper_scale import to_scale
from wam_data.export.grid import (
    NONE,
    Grid,
    Indices,
    Resampling,
    Stamps,
    ages_ns,
    as_of,
    from_then,
    nearest,
    resampling,
)
from wam_data.export.settings import ExportSettings
from wam_data.export.span import JITTER_NS, lay_grid
from wam_data.export.streams import Frames, Matrix, Streams, read_streams
from wam_data.frames import decode
from wam_data.manifest import EpisodeManifest, Outcome, read_manifest
from wam_data.reader import EpisodeReader, Message

Pixels = NDArray[np.uint8]
JPEG_MAGIC: Final = b'\xff\xd8'


class Source:
    """T rows of an episode. A context manager; pixels are read as they are asked for.

    Row t is what could be known at ``stamps_ns[t]``, and the command that went out then:

    grid: the rows. stamps_ns: (T,) their times, ROS clock.
    state, velocity, effort: (T, 14) rad, rad/s, mA; grippers 0..1. gripper_angle: (T, 2) rad.
    action: (T, 14) of the first tick at or after the row. action_sources: (T,) who asked for it.
    state_stamps_ns: (T,) when ``state`` was measured. intervened: (T,) a person had taken over.
    report: one for each stream. simulated: the recording has the simulation's truth.
    """

    grid: Grid
    stamps_ns: Stamps
    state: Matrix
    velocity: Matrix
    effort: Matrix
    gripper_angle: Matrix
    action: Matrix
    action_sources: tuple[str, ...]
    state_stamps_ns: Stamps
    intervened: NDArray[np.bool_]
    report: tuple[Resampling, ...]
    simulated: bool

    def __init__(
        self,
        episode: Path,
        settings: ExportSettings,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        """advance: called for each frame that is handed out. Raises WamError naming the episode.

        Such are: a damaged recording, a topic or camera that it lacks, numbers that are not
        finite, and a sample that is further from its row than ``settings.max_hold_s``.
        """
        self.path = episode
        self.settings = settings
        self.manifest: EpisodeManifest = read_manifest(episode)
        self._advance = advance
        self._shapes: dict[str, tuple[int, int]] = {}
        with ExitStack() as stack:
            self._reader = stack.enter_context(EpisodeReader(episode))
            streams = read_streams(episode, self._reader, settings.cameras)
            self.simulated = streams.simulated
            self._frames: Mapping[str, Frames] = streams.cameras
            self._resample(streams)
            self._stack = stack.pop_all()

    @property
    def name(self) -> str:
        """<task>/<start>-<hex>: of the episode under its root, wherever that is."""
        return f'{self.path.absolute().parent.name}/{self.path.name}'

    @property
    def task(self) -> str:
        """What was to be done, in words."""
        return self.manifest.identity.task

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None: nobody has said."""
        return self.manifest.outcome

    @property
    def cameras(self) -> tuple[str, ...]:
        """Their names, as chosen, or in order of name."""
        return tuple(self._frames)

    def frame_stamps_ns(self, camera: str) -> Stamps:
        """(T,) when the frame of each row was captured."""
        return self._frames[camera].stamps_ns[self._rows[camera]]

    def shape(self, camera: str) -> tuple[int, int]:
        """Height and width of its frames, pixels."""
        if camera not in self._shapes:
            first = next(self._messages(camera, [int(self._frames[camera].stamps_ns[0])]))
            height, width = decode(first).shape[:2]
            self._shapes[camera] = height, width
        return self._shapes[camera]

    def is_jpeg(self, camera: str) -> bool:
        """Whether its frames were recorded as JPEG."""
        return self._frames[camera].jpeg

    def frames(self, camera: str) -> Iterator[Pixels]:
        """(H, W, 3) uint8 pixels R, G, B, one for each row; not to be written to.

        A row that repeats the one before yields the same array. Raises WamError for a frame that
        can't be decoded or has another size than the first.
        """
        newest: Message | None = None
        pixels = np.zeros((0, 0, 3), np.uint8)
        for message in self._messages(camera, self.frame_stamps_ns(camera).tolist()):
            if message is not newest:
                newest = message
                # A copy: four times as fast as NumPy makes one of the channels the other way.
                pixels = np.asarray(cv2.cvtColor(decode(message), cv2.COLOR_BGR2RGB), np.uint8)
                pixels.setflags(write=False)
                self._check_shape(camera, pixels)
            self._advance()
            yield pixels

    def jpegs(self, camera: str) -> Iterator[bytes]:
        """JPEG files as they were recorded, one for each row. Raises WamError for a raw camera."""
        for message in self._messages(camera, self.frame_stamps_ns(camera).tolist()):
            data = bytes(message.fields().data)
            if not (self.is_jpeg(camera) and data.startswith(JPEG_MAGIC)):
                raise WamError(f'{self.path}: camera {camera} was not recorded as JPEG')
            self._advance()
            yield data

    def close(self) -> None:
        """Closes the recording."""
        self._stack.close()

    def __enter__(self) -> 'Source':
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _resample(self, streams: Streams) -> None:
        measured, commands = streams.measurements, streams.commands
        self.grid = grid = lay_grid(self.path, streams, self.settings)
        self.stamps_ns = grid.times_ns
        report = []

        def choose(stream: str, stamps: Stamps, late: int, rows: Indices) -> Indices:
            self._check_rows(stream, stamps, rows)
            report.append(resampling(stream, stamps, late, rows, grid))
            return rows

        def observe(stream: str, stamps: Stamps, late: int) -> Indices:
            return choose(stream, stamps, late, self._observed(stamps))

        rows = observe('state', measured.stamps_ns, measured.late)
        state = self._finite('state', measured.position[rows])
        self.state = to_scale(state, self.settings.gripper_state)
        self.velocity, self.effort = measured.velocity[rows], measured.effort[rows]
        self.gripper_angle = measured.gripper_angle[rows]
        self.state_stamps_ns = measured.stamps_ns[rows]
        rows = from_then(commands.stamps_ns, grid, JITTER_NS)
        rows = choose('action', commands.stamps_ns, commands.late, rows)
        sent = self.settings.action == 'sent'
        self.action = self._finite('action', (commands.sent if sent else commands.requested)[rows])
        self.action_sources = tuple(commands.sources[row] for row in rows)
        self._rows = {
            name: observe(name, frames.stamps_ns, frames.late)
            for name, frames in streams.cameras.items()
        }
        self.report = tuple(report)
        self.intervened = np.zeros(grid.count, np.bool_)
        for interval in self.manifest.interventions:
            inside = (self.stamps_ns >= interval.start_ns) & (self.stamps_ns < interval.stop_ns)
            self.intervened |= inside

    def _observed(self, stamps: Stamps) -> Indices:
        if self.settings.method == 'nearest':
            return nearest(stamps, self.grid, self.settings.max_hold_ns)
        return as_of(stamps, self.grid)

    def _check_rows(self, stream: str, stamps: Stamps, rows: Indices) -> None:
        """Raises WamError for a row whose sample is too far away."""
        ages = ages_ns(stamps, rows, self.grid)
        bad = np.flatnonzero((rows == NONE) | (np.abs(ages) > self.settings.max_hold_ns))
        if bad.size:
            row = int(bad[0])
            seconds = (self.stamps_ns[row] - self.stamps_ns[0]) / 1e9
            far = 'none' if rows[row] == NONE else f'one {abs(int(ages[row])) / 1e9:.3f} s away'
            raise WamError(
                f'{self.path}: {stream} has a gap: for the row at {seconds:.2f} s there is {far}, '
                f'allowed {self.settings.max_hold_s:g} s (--max-hold); {bad.size} rows in all'
            )

    def _finite(self, stream: str, values: Matrix) -> Matrix:
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if bad.size:
            raise WamError(f'{self.path}: {stream} of row {int(bad[0])} is not finite')
        return values

    def _check_shape(self, camera: str, pixels: Pixels) -> None:
        height, width = self._shapes.setdefault(camera, pixels.shape[:2])
        if pixels.shape[:2] != (height, width):
            found = 'x'.join(map(str, pixels.shape[:2]))
            raise WamError(
                f'{self.path}: camera {camera} has frames of {height}x{width} and of {found}'
            )

    def _messages(self, camera: str, stamps: list[Any]) -> Iterator[Message]:
        """The frames with these stamps, which must not decrease."""
        recorded = self._reader.messages([self._frames[camera].topic])
        message: Message | None = None
        for stamp in stamps:
            while message is None or message.publish_time_ns != stamp:
                message = next(recorded, None)
                if message is None:
                    raise WamError(f'{self.path}: camera {camera}: no frame of {stamp} any more')
            yield message
