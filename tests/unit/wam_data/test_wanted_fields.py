"""Recordings whose messages were defined in another way than ours of today."""

import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
from changed_recording import Definition, with_definitions
from episode_maker import EpisodeMaker
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from wam_core.errors import WamError
from wam_data.definitions import Definitions
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.layout import RECORDING
from wam_data.reader import EpisodeReader
from wam_data.replay_policy import read_actions
from wam_data.report.gather import gather
from wam_data.verify import verify
from wam_data.wanted_fields import FIELDS, TYPES, fault

STATE = 'wam_msgs/msg/Proprioception'


@pytest.fixture
def make(tmp_path: Path, definitions: Definitions) -> EpisodeMaker:
    return EpisodeMaker(tmp_path / 'episodes', definitions)


def defined_anew(episode: Path, kind: str, change: Callable[[str], str], name: str = '') -> Path:
    """Writes the recording with another definition of a type, and with the same bytes.

    name: of the type from then on; empty: the same.
    """

    def changed(old: str, encoding: str, text: bytes) -> Definition:
        if old != kind:
            return old, encoding, text
        return name or old, encoding, change(text.decode()).encode()

    with_definitions(episode / RECORDING, changed)
    return episode


def renamed(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        assert old in text
        return text.replace(old, new)

    return change


@pytest.mark.parametrize(
    ('old', 'new', 'said'),
    [
        ('] position', '] joint_position', 'has no field position, expected 14 numbers'),
        ('float64[14] position', 'float64[] position', 'field position .* is float64\\[\\], exp'),
        ('float64[14] position', 'float64[7] position', 'is 7 numbers, expected 14 numbers'),
        ('float64[14] position', 'string[14] position', 'is string\\[14\\], expected 14 numbers'),
        ('float64[14] position', 'string position', 'is string, expected 14 numbers'),
        ('float64[14] position', 'std_msgs/Header position', 'is std_msgs/msg/Header, expected'),
    ],
)
def test_another_definition_is_a_problem_of_that_episode(
    make: EpisodeMaker, old: str, new: str, said: str
) -> None:
    episode = defined_anew(make(), STATE, renamed(old, new))
    problems = verify(episode).problems
    named = [problem for problem in problems if 'topic /proprioception: ' in problem]
    assert any(re.search(said, problem) for problem in named), problems
    assert any(STATE in problem and str(episode) in problem for problem in named), problems


def test_who_reads_it_says_so(make: EpisodeMaker) -> None:
    episode = defined_anew(make(), STATE, renamed('] position', '] joint_position'))
    with pytest.raises(WamError, match=r'/proprioception: .* has no field position') as caught:
        Source(episode, ExportSettings()).close()
    assert str(episode) in str(caught.value)
    content = gather(episode)
    assert any('has no field position' in problem for problem in content.verification.problems)
    assert len(read_actions(episode, 40_000_000)) > 40  # it reads nothing else


def test_what_nobody_reads_may_change(make: EpisodeMaker) -> None:
    def change(text: str) -> str:
        assert 'arm_stamps' in text
        return text.replace('] arm_stamps', '] stamps_of_the_arms')

    episode = defined_anew(make(), STATE, change)
    report = verify(episode)
    assert not any('/proprioception' in problem for problem in report.problems), report.text()


def test_another_type_on_a_known_topic(make: EpisodeMaker) -> None:
    episode = defined_anew(make(), STATE, str, name='other_msgs/msg/State')
    problems = verify(episode).problems
    said = f'/proprioception: is of type other_msgs/msg/State, expected {STATE}'
    assert any(said in problem for problem in problems), problems
    with EpisodeReader(episode) as reader, pytest.raises(WamError, match='is of type other_msgs'):
        next(reader.messages(['/proprioception'])).fields()


@pytest.mark.parametrize('kind', FIELDS)
def test_ours_of_today_have_them(definitions: Definitions, kind: str) -> None:
    types = get_typestore(Stores.EMPTY)
    types.register(get_types_from_msg(definitions.find(kind).text, kind))
    assert fault(types, '/any', kind) == ''


@pytest.mark.parametrize('topic', TYPES)
def test_the_types_are_those_that_the_recorder_takes(topic: str) -> None:
    stack = import_module('wam_nodes.recorder_topics')._STACK | {'/task_state': None}
    kind = stack[topic]
    assert topic in stack
    assert kind is None or TYPES[topic] == f'wam_msgs/msg/{kind.__name__}'
