"""Writes an outcome into a finished episode; what was there before goes into its history."""

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from wam_core.errors import WamError
from wam_data.directory_lock import locked
from wam_data.layout import is_partial
from wam_data.manifest import EpisodeManifest, Outcome, read_manifest, write_manifest


def write_label(episode: Path, outcome: Outcome) -> EpisodeManifest:
    """Labels a finished episode and returns its new manifest. ``outcome.at`` is set to now.

    Raises WamError for an episode that is unknown or still being recorded.
    """
    if not episode.is_dir():
        raise WamError(f'{episode}: is not an episode directory')
    if is_partial(episode):
        raise WamError(f'{episode}: is still being recorded, or was cut off: recover it first')
    try:
        with locked(episode, wait=True):  # or of two that label at once one is lost
            manifest = read_manifest(episode).labelled(stamped(outcome))
            write_manifest(episode, manifest)
    except OSError as error:
        raise WamError(f'{episode}: cannot be labelled: {error.strerror}') from error
    return manifest


def stamped(outcome: Outcome) -> Outcome:
    """The outcome with the UTC time of writing it."""
    return replace(outcome, at=datetime.now(timezone.utc).isoformat(timespec='seconds'))
