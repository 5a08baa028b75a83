"""Whole rollouts on the simulated rig, and what becomes of them when something dies."""

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from rollout_outcome import LINE, last_line, whole
from rosgraph_msgs.msg import Clock

from wam_data.manifest import read_manifest
from wam_data.verify import verify

pytestmark = pytest.mark.slow

# Every arrow of the data flow; `scripted` predicts no future.
ARROWS = [
    '/frame_set',
    '/proprioception',
    '/action_chunk',
    '/executor_state',
    '/applied_action',
    '/episode_event',
    '/task_state',
    '/stream_status',
    '/motor_health',
    *(f'/follower_{side}/joint_states' for side in ('left', 'right')),
    *(f'/follower_{side}/commands/joint_group' for side in ('left', 'right')),
    *(f'/follower_{side}/commands/joint_single' for side in ('left', 'right')),
]
CAMERAS = ['cam_high', 'cam_left_wrist', 'cam_right_wrist']
TASK = ('--task', 'transfer_cube', '--policy', 'scripted')


def test_an_episode_succeeds_and_is_recorded(stack: Any) -> None:
    command = stack.run('rollout', *TASK, '--seed', '0', '--root', str(stack.root))
    assert command.wait() == 0, stack.report()
    line = last_line(command.output)
    assert (line['outcome'], line['score']) == ('success', '100'), stack.report()
    assert int(line['steps']) == pytest.approx(25 * float(line['sim']), abs=25)
    episode = Path(line['episode'])
    assert stack.episodes() == [episode]
    assert f'preview: {episode}/preview.mp4' in command.output
    manifest = read_manifest(episode)
    assert manifest.complete, manifest.stop_reason
    assert (manifest.identity.task_name, manifest.identity.seed) == ('transfer_cube', 0)
    assert manifest.outcome is not None
    assert manifest.outcome.stages[-1] == 'transferred'
    recorded = {topic for topic, count in manifest.topics.items() if count.messages}
    assert recorded >= set(ARROWS)
    for camera in CAMERAS:
        assert any(camera in topic for topic in recorded), recorded
    assert verify(episode).ok, verify(episode).text()


def test_two_short_episodes_end_at_their_time_limit(stack: Any) -> None:
    words = ('--episodes', '2', '--seed', '3', '--time-limit', '1.5', '--no-preview')
    command = stack.run('rollout', *TASK, *words, '--root', str(stack.root))
    assert command.wait() == 0, stack.report()
    lines = [match for line in command.output.splitlines() if (match := LINE.fullmatch(line))]
    assert [line['outcome'] for line in lines] == ['failure', 'failure']
    assert last_line(command.output)['episode'] == lines[-1]['episode']
    seeds = [read_manifest(Path(line['episode'])).identity.seed for line in lines]
    assert seeds == [3, 4]


def test_json_says_the_same_and_nothing_else(stack: Any) -> None:
    words = ('--policy', 'hold', '--mode', 'sync', '--time-limit', '1', '--no-record', '--json')
    command = stack.start('rollout', '--task', 'peg_insertion', *words)
    assert command.wait() == 0, stack.report()
    result = json.loads(command.output.splitlines()[-1])
    assert result['episodes'][0]['outcome'] == 'failure'
    assert result['episodes'][0]['episode'] == ''
    assert stack.episodes() == []


def begin(stack: Any) -> tuple[Any, Path]:
    """A rollout that runs and has recorded something."""
    command = stack.start('rollout', *TASK, '--no-preview', '--root', str(stack.root))

    def growing() -> Path | None:
        assert command.popen.poll() is None, stack.report()
        files = [path for path in stack.root.glob('*/*.partial/*.mcap')]
        return files[0] if files and files[0].stat().st_size > 500_000 else None

    return command, stack.until(growing, 'a recording that grows').parent


def test_an_executor_killed_ends_the_graph_and_is_named(stack: Any) -> None:
    command, partial = begin(stack)
    stack.processes('executor')[0].kill()
    assert command.wait() == 1, stack.report()
    assert 'executor was ended by SIGKILL' in command.output
    assert stack.processes() == []
    whole(partial)


def test_sigterm_to_everything_leaves_no_process_and_a_recording(stack: Any) -> None:
    command, partial = begin(stack)
    for process in stack.processes():
        process.send_signal(signal.SIGTERM)
    assert command.wait() != 0
    stack.until(lambda: stack.processes() == [], 'the end of every process')
    whole(partial)


def test_a_killed_command_leaves_no_process_and_a_recording(stack: Any) -> None:
    command, partial = begin(stack)
    command.popen.kill()
    stack.until(lambda: stack.processes() == [], 'the end of every process')
    whole(partial)


def test_interrupting_closes_the_recording_and_stops_the_graph(stack: Any) -> None:
    command, partial = begin(stack)
    command.popen.send_signal(signal.SIGINT)
    assert command.wait() == 130, stack.report()
    assert stack.processes() == []
    manifest = read_manifest(partial.with_suffix(''))
    assert manifest.outcome is not None
    assert manifest.outcome.result == 'aborted'


def test_of_two_rigs_in_a_domain_one_refuses(stack: Any) -> None:
    first = stack.start('up', 'sim')
    stack.until(lambda: stack.heard(Clock, '/clock'), 'the first rig')
    rigs = (first, stack.start('up', 'sim'))
    refused = stack.until(
        lambda: [rig for rig in rigs if rig.popen.poll() is not None], 'the end of one rig'
    )
    assert len(refused) == 1
    assert refused[0].wait() == 1
    assert 'sim ended' in refused[0].output
    assert f'ROS domain {stack.domain}' in refused[0].output


def test_a_bad_parameter_stops_the_graph_and_is_explained(stack: Any) -> None:
    bad = stack.folder / 'bad.yaml'
    bad.write_text('executor: {ros__parameters: {command_rate_hz: 2500.0}}\n')
    command = stack.run('rollout', *TASK, '--parameters', str(bad), '--root', str(stack.root))
    assert command.wait() == 1
    for text in ('command_rate_hz', '2500', '1 to 200', str(bad)):
        assert text in command.output


@pytest.mark.parametrize(
    ('words', 'expected'),
    [
        (('--task', 'fold'), 'transfer_cube'),
        (('--task', 'transfer_cube', '--policy', 'cosmo'), 'scripted'),
        (('--task', 'transfer_cube', '--rig', 'alhoa'), 'aloha'),
        (('--task', 'transfer_cube', '--mode', 'fast'), 'async'),
        (('--task', 'transfer_cube', '--episodes', '0'), '1 or more'),
        (('--task', 'transfer_cube', '--policy', 'replay'), '--episode'),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(
    stack: Any, words: tuple[str, ...], expected: str
) -> None:
    command = stack.run('rollout', *words)
    assert command.wait() == 2
    assert expected in command.output
    assert stack.processes() == []


def test_the_command_of_the_checkout_works() -> None:
    wam = Path(__file__).resolve().parents[2] / 'wam'
    done = subprocess.run([wam, '--help'], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert 'rollout' in done.stdout
