import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from rosbags.highlevel import AnyReader

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.identity import Identity
from wam_data.layout import MANIFEST, METADATA, RECORDING
from wam_data.manifest import EpisodeManifest, read_manifest
from wam_data.reader import EpisodeReader
from wam_data.statistics import TopicCounter
from wam_data.verify import verify
from wam_data.writer import EpisodeWriter

Begin = Callable[..., EpisodeWriter]
Messages = list[tuple[int, str, bytes]]


def test_every_message_comes_back_with_its_bytes_and_times(
    recorded: Path, messages: Messages
) -> None:
    with EpisodeReader(recorded) as reader:
        found = [(m.log_time_ns, m.topic, m.data) for m in reader.messages()]
    assert found == messages


def test_publish_time_is_the_header_stamp(recorded: Path) -> None:
    with EpisodeReader(recorded) as reader:
        for message in reader.messages():
            stamp = message.fields().header.stamp
            assert message.publish_time_ns == stamp.sec * 1_000_000_000 + stamp.nanosec


def test_a_reader_that_is_not_ours_opens_the_directory(recorded: Path, messages: Messages) -> None:
    with AnyReader([recorded]) as reader:
        assert reader.message_count == len(messages)
        assert {entry.topic for entry in reader.connections} >= {topic for _, topic, _ in messages}
        decoded = [
            reader.deserialize(raw, connection.msgtype) for connection, _, raw in reader.messages()
        ]
    assert len(decoded) == len(messages)


def test_metadata_agrees_with_the_recording(recorded: Path, messages: Messages) -> None:
    contents = yaml.safe_load((recorded / METADATA).read_text())['rosbag2_bagfile_information']
    counts = Counter(topic for _, topic, _ in messages)
    for entry in contents['topics_with_message_count']:
        topic = entry['topic_metadata']
        assert entry['message_count'] == counts[topic['name']]
        assert topic['type_description_hash'].startswith('RIHS01_')
        (profile,) = yaml.safe_load(topic['offered_qos_profiles'])
        assert profile['depth'] == 10
    assert contents['message_count'] == len(messages)
    assert contents['starting_time']['nanoseconds_since_epoch'] == messages[0][0]
    assert contents['duration']['nanoseconds'] == messages[-1][0] - messages[0][0]


@pytest.mark.parametrize('compression', ['zstd', 'lz4', 'none'])
def test_compressions(begin: Begin, messages: Messages, compression: str) -> None:
    writer = begin(compression=compression)
    for log_ns, topic, data in messages:
        writer.write(topic, data, log_ns)
    writer.finish()
    with EpisodeReader(writer.directory) as reader:
        assert sum(1 for _ in reader.messages()) == len(messages)


def test_unknown_compression_is_refused(begin: Begin) -> None:
    with pytest.raises(WamError, match=r"'gzip'.*'lz4', 'none', 'zstd'"):
        begin(compression='gzip')


def test_an_episode_without_messages_is_a_valid_one(begin: Begin) -> None:
    writer = begin()
    writer.finish()
    with EpisodeReader(writer.directory) as reader:
        assert list(reader.messages()) == []
        assert set(reader.counts.values()) == {0}


def test_a_manifest_is_there_from_the_start(begin: Begin) -> None:
    writer = begin()
    manifest = read_manifest(writer.directory)
    assert manifest.identity.seed == 7
    assert not manifest.complete
    assert manifest.topics['/follower_left/joint_states'].period_s == pytest.approx(0.04)
    writer.abandon()


def test_flushed_messages_are_on_disk(begin: Begin, messages: Messages) -> None:
    writer = begin()
    size = (writer.directory / RECORDING).stat().st_size
    log_ns, topic, data = messages[0]
    writer.write(topic, data, log_ns)
    assert (writer.directory / RECORDING).stat().st_size == size
    writer.flush()
    assert (writer.directory / RECORDING).stat().st_size > size
    writer.abandon()


def test_statistics(recorded: Path) -> None:
    manifest = read_manifest(recorded)
    joints = manifest.topics['/follower_left/joint_states']
    assert (joints.messages, joints.missing, joints.backwards) == (50, 0, 0)
    assert joints.rate_hz == pytest.approx(25.0)
    assert manifest.camera_sync is not None
    assert manifest.camera_sync.sets == 50
    assert manifest.camera_sync.max_ms == pytest.approx(2.000049)


def test_verify_finds_nothing_wrong(recorded: Path) -> None:
    report = verify(recorded)
    assert report.problems == ()
    assert report.ok


def test_verify_finds_a_wrong_count(episode: Path) -> None:
    contents = json.loads((episode / MANIFEST).read_text())
    contents['topics']['/proprioception']['messages'] += 1
    (episode / MANIFEST).write_text(json.dumps(contents))
    assert any('51 in episode.json' in problem for problem in verify(episode).problems)


def test_verify_finds_a_stamp_that_goes_back(begin: Begin, messages: Messages) -> None:
    writer = begin()
    joints = [entry for entry in messages if entry[1] == '/follower_left/joint_states']
    for order, number in enumerate((1, 0, 2)):
        writer.write(joints[number][1], joints[number][2], joints[order][0])
    counter = writer.counters.topics['/follower_left/joint_states']
    assert counter.backwards == 1
    writer.finish()
    target = writer.directory.rename(writer.directory.with_name('20250101T000000Z-0003'))
    problems = verify(target).problems
    assert any('1 stamps are older' in problem for problem in problems)
    assert any('/applied_action has no message' in problem for problem in problems)


@pytest.mark.parametrize('part', [0.02, 0.3, 0.6, 0.95])
def test_verify_finds_damage_anywhere(episode: Path, part: float) -> None:
    path = episode / RECORDING
    content = bytearray(path.read_bytes())
    content[round(part * len(content))] ^= 0xFF
    path.write_bytes(content)
    assert not verify(episode).ok


def test_missing_messages_are_judged_by_stamps(begin: Begin, messages: Messages) -> None:
    writer = begin()
    joints = [entry for entry in messages if entry[1] == '/follower_left/joint_states']
    for log_ns, topic, data in joints[:10] + joints[13:20]:
        writer.write(topic, data, log_ns)
    counter = writer.counters.topics['/follower_left/joint_states']
    assert counter.missing == 3
    assert counter.largest_gap_ns == 160_000_000
    writer.abandon()


def test_late_messages_are_not_missing() -> None:
    counter = TopicCounter('a/msg/B', period_ns=10)
    for stamp in (0, 10, 20, 50, 51, 52, 60):  # 30 and 40 came late, with late stamps
        counter.observe(1, stamp, stamp)
    assert counter.missing == 0
    assert counter.largest_gap_ns == 30


def test_metadata_has_the_keys_of_rosbag2_itself(recorded: Path) -> None:
    sample = (
        Path(__file__).resolve().parents[4]
        / 'shared/data/rosbag2/rosbag2_tests/rosbag2_tests/resources/mcap'
        / 'bag_with_topics_and_service_events'
        / METADATA
    )
    if not sample.exists():
        pytest.skip('the recordings that this project did not make are not beside this clone')
    theirs, ours = (
        yaml.safe_load(path.read_text())['rosbag2_bagfile_information']
        for path in (sample, recorded / METADATA)
    )
    assert ours.keys() == theirs.keys()
    assert ours['version'] == theirs['version']
    entries = [bag['topics_with_message_count'][0]['topic_metadata'] for bag in (ours, theirs)]
    assert entries[0].keys() == entries[1].keys()
    profiles = [yaml.safe_load(entry['offered_qos_profiles'])[0] for entry in entries]
    assert profiles[0].keys() == profiles[1].keys()
    assert ours['files'][0].keys() == theirs['files'][0].keys()


@pytest.mark.parametrize('part', [step / 12 for step in range(12)])
def test_reading_a_damaged_recording_raises_nothing_strange(episode: Path, part: float) -> None:
    path = episode / RECORDING
    data = bytearray(path.read_bytes())
    place = int(part * len(data))
    data[place : place + 40] = bytes(255 - value for value in data[place : place + 40])
    path.write_bytes(data)
    with suppress(WamError), EpisodeReader(episode) as reader:
        for message in reader.messages():
            message.fields()


def test_a_start_that_fails_leaves_no_file_open(
    tmp_path: Path, definitions: Definitions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('wam_data.writer.write_manifest', fail)
    before = len(list(Path('/proc/self/fd').iterdir()))
    with pytest.raises(OSError, match='No space left'):
        EpisodeWriter(tmp_path, EpisodeManifest(Identity('x'), '', 0), [], 'zstd', definitions)
    assert len(list(Path('/proc/self/fd').iterdir())) == before
