"""Whether the files of an episode are as they were written."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from wam_core.errors import WamError
from wam_data.checks.summary import summary_is_sound
from wam_data.layout import METADATA, RECORDING
from wam_data.manifest import read_manifest
from wam_data.reader import EpisodeReader
from wam_data.scan import data_is_sound


def damage(episode: Path) -> str:
    """What is wrong with the files of a finished episode, in a few words; empty: nothing is.

    Every byte of the recording is read.
    """
    try:
        manifest = read_manifest(episode)
        check_recording(episode / RECORDING)
        with EpisodeReader(episode) as reader:
            counts = reader.counts
    except WamError as error:
        return str(error)
    claimed = {name: topic.messages for name, topic in manifest.topics.items()}
    if any(claimed.get(name, 0) != counts.get(name, 0) for name in {*claimed, *counts}):
        return 'episode.json counts other messages than the recording has'
    return next(metadata_problems(episode, counts), '')


def check_recording(path: Path) -> None:
    """Raises WamError where the data or the index of a recording fail their checksums."""
    for name, sound in (('data', data_is_sound), ('index', summary_is_sound)):
        if not sound(path):
            raise WamError(f'{path.name} is damaged: its {name} fails its checksum')


def metadata_problems(episode: Path, counts: Mapping[str, int]) -> Iterator[str]:
    """counts: messages of each topic, as the recording has them."""
    try:
        contents = yaml.safe_load((episode / METADATA).read_text(encoding='utf-8'))
        topics = contents['rosbag2_bagfile_information']['topics_with_message_count']
        claimed = {entry['topic_metadata']['name']: entry['message_count'] for entry in topics}
    except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError) as error:
        yield f'{METADATA} cannot be read: {error!r}'
        return
    if claimed != counts:
        yield f'{METADATA} counts other messages than the recording has'
