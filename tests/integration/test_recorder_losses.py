"""What a recorder loses: counted, shown, and no more than it must be."""

import resource
import signal
from pathlib import Path
from typing import Any

import pytest
from recorder_bench import CAMERA, JOINTS, Make
from wam_msgs.msg import (
    EpisodeEvent,
)

from wam_core.errors import WamError
from wam_data.manifest import read_manifest
from wam_data.recover import recover
from wam_data.verify import verify


def test_losses_are_shown_while_recording(recorder: Make) -> None:
    rig = recorder()
    path = Path(rig.start().episode)
    for number in (0, 1, 2, 32, 33):
        rig.publish(JOINTS, number)
    rig.ros.wait(lambda: rig.values().get('missing') == '29')
    values = rig.values()
    assert (values['dropped'], values['worst']) == ('0', JOINTS)
    shown = {key: values[f'{JOINTS}/{key}'] for key in ('messages', 'missing', 'dropped')}
    assert shown == {'messages': '5', 'missing': '29', 'dropped': '0'}
    assert float(values[f'{JOINTS}/largest_gap_s']) == pytest.approx(0.3)
    assert float(values[f'{JOINTS}/rate_hz']) == pytest.approx(4 / 0.33, abs=0.01)
    assert '/joint_target/messages' not in values  # nothing has come
    texts = [each.message for message in rig.reports for each in message.status]
    assert any(f'{JOINTS}: 29 messages missing, by their stamps' in text for text in texts)
    rig.stop()
    final = path.with_name(path.name.removesuffix('.partial'))
    topic = read_manifest(final).topics[JOINTS]
    assert topic.messages == 5
    assert topic.missing > 29  # and those that would have come until the stop


def test_sigterm_closes_the_episode_as_aborted(recorder: Make) -> None:
    rig = recorder()
    path = Path(rig.start().episode)
    rig.send(10)
    assert rig.process.terminate_and_wait() == 0, rig.process.output
    final = path.with_name(path.name.removesuffix('.partial'))
    manifest = read_manifest(final)
    assert manifest.outcome is not None
    assert manifest.outcome.result == 'aborted'
    assert not manifest.complete
    assert manifest.topics[JOINTS].messages == 10
    assert verify(final).ok


def test_a_killed_recorder_leaves_what_recover_mends(recorder: Make) -> None:
    rig = recorder(flush_s=0.05)
    path = Path(rig.start().episode)
    rig.send(20)
    size = 0

    def flushed() -> bool:
        # Reports on /diagnostics are recorded too: a file that grew holds what was before them.
        nonlocal size
        grown = (path / 'episode.mcap').stat().st_size > size > 0
        size = (path / 'episode.mcap').stat().st_size
        return grown

    rig.ros.wait(flushed)
    with pytest.raises(WamError, match='is being recorded'):
        recover(path)
    rig.process.send(signal.SIGKILL)
    rig.process.wait()
    assert path.is_dir()
    rig.reports.clear()
    rig.ros.start('wam_nodes', 'recorder', params={'root': str(rig.root)})
    rig.ros.wait(lambda: rig.values().get('recording') == 'false')
    answer = rig.stop()
    assert not answer.accepted
    assert 'no episode is being recorded; 1 episodes were left open' in answer.message
    assert f'wam episodes recover {path}' in answer.message
    report = recover(path)
    manifest = read_manifest(report.episode)
    assert manifest.recovered
    assert manifest.identity.task == 'move it'
    assert manifest.topics[JOINTS].messages == 20
    assert verify(report.episode).ok


def test_a_nearly_full_disk_refuses_an_episode(recorder: Make) -> None:
    rig = recorder(min_free_mb=1048576)
    answer = rig.start()
    assert not answer.accepted
    assert 'MB free' in answer.message
    assert 'min_free_mb' in answer.message
    assert rig.process.returncode is None


def test_a_failing_disk_ends_the_episode_and_not_the_node(recorder: Make) -> None:
    rig = recorder(flush_s=0.05, compression='none', raw_images=True)
    events: list[Any] = rig.ros.collect(EpisodeEvent, '/episode_event')
    path = Path(rig.start().episode)
    rig.send(3)
    limit = 200_000
    resource.prlimit(rig.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))

    def failed() -> bool:
        rig.publish(CAMERA, 50)
        return any(event.kind == 'fault' for event in events)

    rig.ros.wait(failed)
    assert 'the disk failed: File too large' in events[0].text
    answer = rig.stop()
    assert not answer.accepted
    assert 'wam episodes recover' in answer.message
    assert rig.process.returncode is None
    resource.prlimit(
        rig.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    )
    assert recover(path).messages > 3 * 6
    assert rig.start().accepted
    rig.send(2)
    assert rig.stop().accepted
