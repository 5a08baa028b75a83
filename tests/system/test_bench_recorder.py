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


def test_what_cannot_be_measured_is_refused(stack: Any) -> None:
    command = stack.run('bench', 'recorder', '--seconds', '0.5')
    assert command.wait() != 0
    assert '--seconds 0.5: a run takes at least 1 s' in command.output
