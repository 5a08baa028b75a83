"""Reading of manifests: each error names the file, the key, the value and what is allowed."""

import math
from collections.abc import Callable

import pytest

from wam_core.errors import WamError
from wam_core.mapping import Section

VALUES = {
    'name': 'aloha',
    'rate': 25,
    'on': True,
    'pair': [1, 2.5],
    'words': ['a', 'b'],
    'inner': {'x': 1.0},
}


def section() -> Section:
    return Section(VALUES, 'rig.yaml')


def test_values_come_typed() -> None:
    subject = section()
    assert subject.text('name', ['aloha']) == 'aloha'
    assert subject.number('rate', 0, 50) == 25.0
    assert subject.integer('rate', 0, 50) == 25
    assert subject.flag('on') is True
    assert subject.numbers('pair', 2) == (1.0, 2.5)
    assert subject.texts('words') == ('a', 'b')
    assert subject.section('inner').number('x') == 1.0
    assert 'name' in subject
    assert subject.names() == list(VALUES)
    subject.close()


@pytest.mark.parametrize(
    ('read', 'text'),
    [
        (lambda s: s.text('nope'), r"rig\.yaml: missing key 'nope' \(text\)"),
        (lambda s: s.text('rate'), 'rate = 25, expected text'),
        (lambda s: s.text('name', ['b', 'a']), r"name = 'aloha', expected one of \['a', 'b'\]"),
        (lambda s: s.number('name'), "name = 'aloha', expected a finite number"),
        (lambda s: s.number('on'), 'on = True, expected a finite number'),
        (lambda s: s.number('rate', 0.0, 10.0), 'rate = 25, allowed 0 to 10'),
        (lambda s: s.flag('rate'), 'rate = 25, expected true or false'),
        (lambda s: s.numbers('pair', 3), 'pair has 2 numbers, expected 3'),
        (lambda s: s.numbers('words', 2), r"words\[0\] = 'a', expected a finite number"),
        (lambda s: s.texts('pair'), r'pair\[0\] = 1, expected text'),
        (lambda s: s.sequence('name'), "name = 'aloha', expected a list"),
        (lambda s: s.section('name'), r'rig\.yaml: name: expected a mapping of keys, got str'),
        (lambda s: s.section('inner').text('x'), r'rig\.yaml: inner: x = 1\.0, expected text'),
        (lambda s: s.close(), r"unknown key 'inner', expected one of \[\]"),
    ],
)
def test_a_wrong_value_is_named(read: Callable[[Section], object], text: str) -> None:
    with pytest.raises(WamError, match=text):
        read(section())


@pytest.mark.parametrize('value', [math.nan, math.inf, '1', None])
def test_a_number_is_finite(value: object) -> None:
    with pytest.raises(WamError, match='expected a finite number'):
        Section({'x': value}, 'f').number('x')


def test_a_fraction_is_no_whole_number() -> None:
    with pytest.raises(WamError, match=r'x = 1\.5, expected a whole number'):
        Section({'x': 1.5}, 'f').integer('x', 0, 3)


def test_close_names_what_was_only_asked_for_too() -> None:
    subject = Section({'rate': 1, 'raet': 2}, 'f.yaml')
    subject.number('rate')
    assert 'model' not in subject
    with pytest.raises(WamError, match=r"'raet', expected one of \['model', 'rate'\]"):
        subject.close()


def test_close_names_a_key_that_nobody_read() -> None:
    subject = Section({'rate': 1, 'raet': 2}, 'f.yaml')
    subject.number('rate')
    with pytest.raises(WamError, match=r"f\.yaml: unknown key 'raet', expected one of \['rate'\]"):
        subject.close()
