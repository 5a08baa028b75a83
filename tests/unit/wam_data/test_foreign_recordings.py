"""Recordings of other programs, and damaged ones: read or refused by name, never a crash."""

import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from changed_recording import with_definitions
from episode_maker import EpisodeMaker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shared_data import recordings, shared_data

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.layout import RECORDING
from wam_data.reader import EpisodeReader
from wam_data.recover import recover
from wam_data.scan import Scanner
from wam_data.verify import verify

CONFORMANCE = 'mcap_conformance'
BAGS = 'rosbag2'
EXAMPLES = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def host(tmp_path: Path, definitions: Definitions) -> Path:
    """An episode whose recording is replaced."""
    return EpisodeMaker(tmp_path / 'episodes', definitions)()


def tried(episode: Path) -> Counter[str]:
    """Every way to read an episode: counts what it made of the messages, and of refusals."""
    seen: Counter[str] = Counter()
    report = verify(episode)
    seen['sound'] += report.ok
    try:
        seen['scanned'] = sum(1 for _ in Scanner(episode / RECORDING).messages())
    except WamError:
        seen['refused'] += 1
    try:
        with EpisodeReader(episode) as reader:
            for message in reader.messages():
                seen['read'] += 1
                try:
                    message.fields()
                except WamError:
                    seen['undecodable'] += 1
    except WamError:
        seen['refused'] += 1
    return seen


def mended(episode: Path) -> int | None:
    """Messages that ``recover`` saves; None where it refuses."""
    partial = episode.rename(episode.with_name(f'{episode.name}.partial'))
    try:
        return recover(partial).messages
    except WamError:
        assert (partial / RECORDING).exists()
        return None


class TestOfOthers:
    def test_the_conformance_files_are_there(self) -> None:
        assert len(list(shared_data(CONFORMANCE).rglob('*.mcap'))) == 171

    @pytest.mark.parametrize(
        'group', ['NoData', 'OneAttachment', 'OneMessage', 'OneMetadata', 'TenMessages']
    )
    def test_conformance(self, group: str, host: Path) -> None:
        """Neither CDR nor ROS schemas: whatever opens is counted rightly."""
        files = recordings(CONFORMANCE, group, pattern='*.mcap')
        shared_data(CONFORMANCE, group)
        expected = {'OneMessage': 1, 'TenMessages': 10}.get(group, 0)
        for file in files:
            shutil.copy(file, host / RECORDING)
            seen = tried(host)
            assert not seen['sound'], file
            assert seen['scanned'] == expected, file
            assert seen['read'] in (0, expected), file

    def test_rosbag2(self, host: Path) -> None:
        """What ROS wrote itself is read whole."""
        shared_data(BAGS)
        whole = 0
        for file in recordings(BAGS, pattern='*.mcap'):
            shutil.copy(file, host / RECORDING)
            seen = tried(host)
            assert not seen['sound'], file  # it is not what episode.json says
            all_read = seen['scanned'] == seen['read'] > seen['undecodable']
            whole += all_read
        assert whole > 0

    def test_rosbag2_is_recovered(self, host: Path) -> None:
        shared_data(BAGS)
        for number, file in enumerate(recordings(BAGS, 'rosbag2_tests', pattern='*.mcap')):
            copy = host.with_name(f'copy-{number}')
            shutil.copytree(host, copy)
            shutil.copy(file, copy / RECORDING)
            scanned = sum(1 for _ in Scanner(copy / RECORDING).messages())
            assert mended(copy) == scanned, file


@pytest.mark.parametrize(
    ('change', 'named'),
    [
        (lambda encoding, text: (encoding, b''), r'Proprioception has no field position'),
        (lambda encoding, text: (encoding, text.split(b'=' * 20)[0]), r'std_msgs/msg/Header'),
        (lambda encoding, text: (encoding, b'float64 \xff'), r'definition of \w+/msg/\w+'),
        (lambda encoding, text: (encoding, b'other field'), r'has no field position, expected'),
        (lambda encoding, text: ('protobuf', text), r"'protobuf', expected 'ros2msg'"),
    ],
)
def test_missing_definitions_are_named(
    host: Path, change: Callable[[str, bytes], tuple[str, bytes]], named: str
) -> None:
    with_definitions(host / RECORDING, lambda name, *rest: (name, *change(*rest)))
    problems = verify(host).problems
    assert any(re.search(named, problem) for problem in problems), problems


@EXAMPLES
@given(data=st.data())
def test_damage_is_named(host: Path, data: st.DataObject) -> None:
    """Whichever byte is changed or lost: the report says so, and nothing else is raised."""
    path = host / RECORDING
    original = host.parent / 'original'
    if not original.exists():
        shutil.copy(path, original)
    content = bytearray(original.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        where = data.draw(st.integers(0, len(content) - 1))
        match data.draw(st.sampled_from(['flip', 'cut', 'lose', 'repeat'])):
            case 'flip':
                content[where] ^= data.draw(st.integers(1, 255))
            case 'cut':
                del content[max(where, 1) :]
            case 'lose':
                del content[where : where + data.draw(st.integers(1, 100))]
            case 'repeat':
                content[where:where] = content[where : where + data.draw(st.integers(1, 100))]
        content = content or bytearray(b'x')
    path.write_bytes(content)
    if content != original.read_bytes():
        assert not tried(host)['sound']
