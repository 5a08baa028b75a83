"""`wam bench recorder`: every writer gets the load, and the report has its fields."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.slow

FIGURES = {'written', 'lost', 'cores', 'peak_rss_mb', 'bytes_per_s'}


def test_the_recorder_beside_others(stack: Any) -> None:
    out = stack.folder / 'out.json'
    words = (
        '--rig',
        'sim',
        '--seconds',
        '2',
        '--peer-seconds',
        '1',
        '--kills',
        '1',
        '--folder',
        str(stack.folder),
    )
    command = stack.run('bench', 'recorder', *words, '--json', str(out))
    assert command.wait() == 0, command.output
    numbers = json.loads(out.read_text())
    assert numbers['sent'] == 3 * 2 * 30 + 4 * 2 * 100
    assert numbers['written'] > 0
    assert {'p50', 'p99', 'p99_9', 'max'} == {*numbers['executor_lateness_ms']['without']}
    assert numbers['executor_lateness_ms']['with']['p99'] > 0
    bare = numbers['executor_lateness_ms']['bare']
    assert {*bare['without']} == {*bare['with']} == {'p50', 'p99', 'p99_9', 'max'}
    killed = numbers['killed']
    (episode,) = killed['recovered']
    assert killed['kills'] == 1
    assert killed['lost_s'] == {'p50': episode['lost_s'], 'max': episode['lost_s']}
    assert episode['lost_s'] >= 0
    assert episode['messages'] > 0
    assert episode['chunks_bad'] == 0
    others = numbers['peers']
    assert {*others} == {'rosbags', 'lerobot'}
    assert others['rosbags'] is not None, command.output
    if others['lerobot'] is None:
        assert 'not measured: lerobot: ' in command.output
    for figures in (numbers, *filter(None, others.values())):
        assert {*figures} >= FIGURES
        assert figures['written'] + figures['lost'] == figures['sent']
        assert figures['peak_rss_mb'] > 10
        assert figures['cores'] > 0
        assert figures['bytes_per_s'] > 0
    assert not [path for path in stack.folder.iterdir() if path.name.startswith('tmp')]


@pytest.mark.parametrize(
    ('option', 'value', 'text'),
    [('--seconds', '0.5', 'a run takes at least 1 s'), ('--kills', '-1', 'expected 0 or more')],
)
def test_what_cannot_be_measured_is_refused(
    stack: Any, option: str, value: str, text: str
) -> None:
    command = stack.run('bench', 'recorder', f'{option}={value}')
    assert command.wait() != 0
    assert f'{option} {value}: {text}' in command.output
