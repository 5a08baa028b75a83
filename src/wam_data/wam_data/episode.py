"""An episode from its first message to its final directory, for whoever records."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.identity import Identity
from wam_data.label import stamped
from wam_data.layout import create, sync_directory
from wam_data.manifest import EpisodeManifest, Outcome, write_manifest
from wam_data.recording import Limits, Recording
from wam_data.statistics import with_dropped
from wam_data.writer import EpisodeWriter, Topic, close_episode


@dataclass(frozen=True)
class Settings:
    """root: of all episodes. compression: zstd, lz4 or none, of the MCAP chunks."""

    root: Path
    compression: str
    limits: Limits


class OpenEpisode:
    """A recording in progress. ``recording.offer`` takes its messages."""

    def __init__(
        self,
        settings: Settings,
        identity: Identity,
        topics: Sequence[Topic],
        started_ns: int,
        report: Callable[[str], None],
        definitions: Definitions | None = None,
    ) -> None:
        """Makes the directory. started_ns: ROS clock. report: is told of trouble, any thread.

        Raises WamError where there is too little space or the directory can't be written.
        """
        _require_space(settings)
        start = datetime.now(timezone.utc)
        self.directory = create(settings.root, identity.task_name or identity.task, start)
        self._manifest = EpisodeManifest(
            identity, start.isoformat(timespec='milliseconds'), started_ns
        )
        self._begun = time.monotonic()
        try:
            for folder in (self.directory.parent, settings.root):
                sync_directory(folder)  # so that its name, too, survives a power cut
            writer = EpisodeWriter(
                self.directory, self._manifest, topics, settings.compression, definitions
            )
        except (OSError, WamError) as error:
            shutil.rmtree(self.directory, ignore_errors=True)  # nothing was recorded in it
            raise WamError(f'{self.directory}: cannot be recorded to: {error}') from error
        self.recording = Recording(writer, settings.limits, report)

    def close(self, outcome: Outcome | None, stopped_ns: int, reason: str = '') -> Path:
        """Writes what is waiting, seals the recording and returns the final directory.

        stopped_ns: ROS clock. reason: why the episode isn't complete; empty: it was stopped in
        order. Raises WamError where the disk failed: then the directory stays *.partial, with what
        was flushed before, for ``recover``.
        """
        sealed = self.recording.close()
        manifest = self._final(outcome, stopped_ns, reason)
        try:
            if sealed:
                return close_episode(self.directory, manifest)
            write_manifest(self.directory, manifest)
            fault = self.recording.failure
        except OSError as error:
            fault = str(error)
        raise WamError(
            f'{self.directory}: is not complete: {fault}. Free some space, then '
            f'`wam episodes recover {self.directory}` saves what was written'
        )

    def _final(self, outcome: Outcome | None, stopped_ns: int, reason: str) -> EpisodeManifest:
        recording = self.recording
        counters = recording.writer.counters
        dropped = recording.dropped
        reason = recording.failure or reason
        # What comes after a failure is dropped, and counted as such.
        counted_until_ns = 0 if recording.failure else stopped_ns
        manifest = replace(
            self._manifest,
            stopped_utc=datetime.now(timezone.utc).isoformat(timespec='milliseconds'),
            stopped_ns=stopped_ns,
            wall_s=round(time.monotonic() - self._begun, 3),
            topics=with_dropped(
                counters.statistics(self._manifest.started_ns, counted_until_ns), dropped
            ),
            camera_sync=counters.spread(),
            interventions=counters.interventions(),
            complete=not reason and not dropped,
            stop_reason=reason,
        )
        return manifest if outcome is None else manifest.labelled(stamped(outcome))


def _require_space(settings: Settings) -> None:
    """Raises WamError where the disk of the root is nearly full."""
    place, least = settings.root.absolute(), settings.limits.min_free_bytes
    try:
        while not place.exists():
            place = place.parent
        free = shutil.disk_usage(place).free
    except OSError as error:
        raise WamError(
            f'{settings.root}: cannot be reached: {error.strerror} '
            '(parameter root of the recorder)'
        ) from error
    if free < least:
        raise WamError(
            f'{settings.root}: {free / 1e6:.0f} MB free, at least {least / 1e6:.0f} MB are wanted '
            '(parameter min_free_mb of the recorder)'
        )
