"""The question how an episode ended: what each key does to the answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_bringup.config import load_task
from wam_cli.outcome_prompt import Answer, OutcomePrompt, ask
from wam_core.task import TaskSpec
from wam_data.manifest import Outcome

TASK = load_task('fold_shirt')
NAMES = tuple(stage.name for stage in TASK.stages)
BARE = TaskSpec('', 'tidy up', '', 1.0, (), '')


def answer(keys: str, task: TaskSpec = TASK, *, retry: bool = True) -> Answer | None:
    prompt = OutcomePrompt(task, 'ann', retry=retry)
    for key in keys:
        prompt.press(key)
    return prompt.answer


@pytest.mark.parametrize(
    ('keys', 'outcome'),
    [
        ('y', Outcome('success', 100.0, NAMES, by='ann')),
        ('n', Outcome('failure', 0.0, (), by='ann')),
        ('3n', Outcome('failure', 30.0, NAMES[:3], by='ann')),
        ('33n', Outcome('failure', 20.0, NAMES[:2], by='ann')),
        ('0--y', Outcome('success', 90.0, NAMES, by='ann')),
        ('2----------+n', Outcome('failure', 5.0, NAMES[:2], by='ann')),
        ('/a sleevx\x7fe\ry', Outcome('success', 100.0, NAMES, 'a sleeve', 'ann')),
        ('/yn\n1n', Outcome('failure', 10.0, NAMES[:1], 'yn', 'ann')),
        ('dxrxn', Outcome('failure', 0.0, (), by='ann')),
    ],
)
def test_keys_make_an_outcome(keys: str, outcome: Outcome) -> None:
    assert answer(keys) == Answer('keep', outcome)


def test_a_task_without_stages_has_a_score_all_the_same() -> None:
    assert answer('5++n', BARE) == Answer('keep', Outcome('failure', 10.0, (), by='ann'))
    assert answer('y', BARE) == Answer('keep', Outcome('success', 100.0, (), by='ann'))


def test_throwing_away_wants_its_key_twice() -> None:
    assert answer('r') is None
    assert answer('rd') is None
    assert answer('rr') == Answer('redo')
    assert answer('dd') == Answer('discard')
    assert answer('ddrr', retry=False) is None


@given(st.text(alphabet='1234567890+-/ab\x7f\r', max_size=30), st.sampled_from('yn'))
def test_whatever_is_pressed_the_answer_is_a_valid_outcome(keys: str, last: str) -> None:
    # What ends a note, if one is being written; r or d that was pressed once swallows a key.
    found = answer(f'{keys}\r+{last}')
    assert found is not None
    assert found.outcome is not None
    assert found.outcome.stages == NAMES[: len(found.outcome.stages)]


def test_it_says_what_may_be_pressed() -> None:
    prompt = OutcomePrompt(TASK, 'ann', retry=False)
    assert '1-0 stage reached' in prompt.text()
    assert 'discard' not in prompt.text()
    assert prompt.manual()[9] == '0  pushed to the centre (100)'
    prompt.press('4')
    assert 'stage sleeves folded in, score 40' in prompt.text()
    prompt.press('/')
    assert prompt.typing
    assert OutcomePrompt(BARE, '', retry=True).manual() == []


def test_asking_ends_with_the_answer() -> None:
    typed = [['/'], ['a', ' ', 'b'], ['\r'], [], ['y', 'n']]
    asked: list[bool] = []

    def keys(typing: bool) -> list[str]:
        asked.append(typing)
        return typed.pop(0)

    shown: list[str] = []
    found = ask(
        OutcomePrompt(TASK, 'ann', retry=False), keys, lambda prompt: shown.append(prompt.text())
    )
    assert found.outcome is not None
    assert (found.outcome.result, found.outcome.note) == ('success', 'a b')
    assert asked == [False, True, True, False, False]
    assert 'a b_' in shown[1]
