"""The picture, the policy files and the page about Cosmos Policy."""

from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

import pytest

from wam_bringup.config import load_policy
from wam_core.errors import WamError
from wam_core.options import rule_of
from wam_policy.cosmos.checkpoint.policy_file import CAMERAS, policy_text
from wam_policy.cosmos.description import describe, read_policy
from wam_policy.cosmos.options import CosmosOptions
from wam_policy.cosmos.sequence.layout import make_layout
from wam_policy.cosmos.sequence.picture import picture

DOCS = Path(__file__).resolve().parents[3] / 'docs'


def shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value) or "''"


def option_rows() -> list[str]:
    """Of the page's table, in the order of the options."""
    rows = []
    defaults = CosmosOptions()
    for part in fields(CosmosOptions):
        section = getattr(defaults, part.name)
        if isinstance(section, bool):
            rows.append(f'| `{part.name}` | `{shown(section)}` | true or false |')
            continue
        for entry in fields(section):
            allowed = rule_of(entry).text()
            if isinstance(entry.default, bool):
                allowed = 'true or false'
            name = f'{part.name}.{entry.name}'
            meaning = rule_of(entry).description
            rows.append(f'| `{name}` | `{shown(entry.default)}` | {allowed} | {meaning} |')
    return rows


def test_the_page_has_every_option_as_it_is() -> None:
    lines = (DOCS / 'cosmos_policy.md').read_text().splitlines()
    for row in option_rows():
        assert any(line.startswith(row) for line in lines), f'missing in the table: {row}'


def test_the_page_shows_the_sequence_of_the_code() -> None:
    drawn = (DOCS / 'cosmos_policy' / 'sequence.svg').read_text()
    assert drawn == picture(make_layout(CAMERAS))


@pytest.mark.parametrize(
    ('cameras', 'proprioception', 'frames'),
    [(CAMERAS, True, 11), (('primary', 'wrist'), True, 9), (('one',), False, 5)],
)
def test_every_layout_can_be_drawn(
    cameras: tuple[str, ...], proprioception: bool, frames: int
) -> None:
    layout = make_layout(cameras, proprioception)
    root = ElementTree.fromstring(picture(layout))
    words = [node.text for node in root.iter('{http://www.w3.org/2000/svg}text')]
    assert words.count('given') + words.count('generated') + words.count('hidden') == 4 * frames
    assert words.count('50 x 14') == 1
    assert {str(index) for index in range(frames)} <= set(words)


def test_roles_in_the_passes() -> None:
    description = describe(load_policy('cosmos:tiny'))
    roles = {
        name: ''.join(frame['roles'][name][0] for frame in description['frames'])
        for name in ('policy', 'world model', "V(s')", 'Q(s, a)')
    }
    assert roles == {
        'policy': 'ggggg' + 'gggggg',
        'world model': 'gggggg' + 'ggggg',
        "V(s')": 'ghhhhh' + 'gggg' + 'g',
        'Q(s, a)': 'gggggg' + 'hhhh' + 'g',
    }
    given = [frame['roles']['policy'] == 'given' for frame in description['frames']]
    assert given == [True] * 5 + [False] * 6


@pytest.mark.parametrize(
    ('options', 'runs', 'total'),
    [
        ('', 1, 10),
        ('{decoding: {mode: autoregressive}}', 3, 12),
        ('{decoding: {mode: autoregressive}, planning: {candidates: 8}}', 152, 488),
    ],
)
def test_network_evaluations_are_those_of_the_paper(options: str, runs: int, total: int) -> None:
    work = describe(load_policy('cosmos:tiny', options))['evaluations']
    assert (work['runs'], work['total']) == (runs, total)


def test_the_files_that_ship_are_accepted() -> None:
    tiny, tiny_layout = read_policy(load_policy('cosmos:tiny'))
    assert (tiny.model.preset, tiny_layout.image_size, tiny_layout.frames) == ('tiny', 96, 11)
    released, layout = read_policy(load_policy('cosmos'))
    assert (released.model.preset, layout.image_size, layout.cameras) == ('2b', 224, CAMERAS)
    assert released.model.directory.startswith('/')


def test_a_written_policy_file_with_planning_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / 'policy.yaml'
    path.write_text(policy_text('2b', ('left', 'high'), 20, 'x.pt', 'planning'))
    options, layout = read_policy(load_policy(str(tmp_path)))
    assert (layout.cameras, layout.horizon) == (('left', 'high'), 20)
    assert options.planning.directory == str(tmp_path / 'planning')
    assert (options.planning.candidates, options.decoding.mode) == (8, 'autoregressive')


def test_another_policy_is_refused() -> None:
    with pytest.raises(WamError, match=r"policy 'hold' is of 'hold', expected .*cosmos"):
        read_policy(load_policy('hold'))
