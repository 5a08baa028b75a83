"""The pictures of splices: well-formed, with what they promise."""

import argparse
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from wam_cli.benches import splices
from wam_cli.benches.chart import Chart, Line, Panel, render
from wam_cli.usage import UsageError

SVG = '{http://www.w3.org/2000/svg}'
TIMES = np.linspace(2.3, 7.9, 30)


def chart(values: np.ndarray) -> ElementTree.Element:
    panel = Panel('a < b', 'rad', [Line('sent & seen', '#123456', values)])
    text = render(
        Chart('title', 'subtitle', [[panel]], TIMES, [(3.0, 'chunk 2')], [(4.0, 5.0)], 'waiting')
    )
    return ElementTree.fromstring(text)


def texts(svg: ElementTree.Element) -> list[str]:
    return [element.text or '' for element in svg.iter(f'{SVG}text')]


def test_a_chart_is_well_formed_and_names_everything() -> None:
    svg = chart(np.sin(TIMES))
    assert {'title', 'subtitle', 'a < b', 'rad', 'sent & seen', 'chunk 2', 'waiting'} <= set(
        texts(svg)
    )
    assert {'3', '4', '5', '6', '7'} <= set(texts(svg)), 'whole seconds of the axis'


@pytest.mark.parametrize('values', [np.sin(TIMES), np.zeros(30), TIMES * 1e-5, TIMES * -3e3])
def test_curves_stay_inside_their_panel(values: np.ndarray) -> None:
    svg = chart(values)
    (curve,) = svg.iter(f'{SVG}polyline')
    points = np.array([pair.split(',') for pair in curve.attrib['points'].split()], float)
    grid = [element.attrib['d'] for element in svg.iter(f'{SVG}path')]
    ends = np.array([d.replace('M', '').replace('L', ' ').split() for d in grid[1:]], float)
    low, high = ends.reshape(-1, 2).min(axis=0), ends.reshape(-1, 2).max(axis=0)
    assert len(points) == 30
    assert (points >= low - 0.1).all() and (points <= high + 0.1).all()
    assert points[0, 0] < points[-1, 0]


def arguments(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    splices.add_arguments(parser)
    return parser.parse_args(list(words))


def test_every_mode_has_a_picture_with_three_splices(tmp_path: Path) -> None:
    result = splices.run(arguments('--out', str(tmp_path / 'new')))
    names = ('sync', 'async', 'rtc')
    assert result == {'files': [str(tmp_path / 'new' / f'{name}.svg') for name in names]}
    for name in names:
        svg = ElementTree.parse(tmp_path / 'new' / f'{name}.svg').getroot()
        found = texts(svg)
        # Above both columns: of positions and of velocities.
        assert [found.count(f'chunk {number}') for number in (2, 3, 4)] == [2, 2, 2], name
        assert found.count('position in rad') == found.count('velocity in rad/s') == 3
        assert len(list(svg.iter(f'{SVG}polyline'))) == 18
        assert ('nothing to follow' in found) == (name == 'sync')


def test_an_unknown_mode_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='psychic'):
        splices.run(arguments('--out', str(tmp_path), '--mode', 'psychic'))
