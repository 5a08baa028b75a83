"""The status line, and how often it appears where there is no terminal."""

import io

import pytest

from wam_cli import status
from wam_cli.episode_client import Episode
from wam_cli.status import Display, Status


def test_unknown_numbers_are_dashes() -> None:
    text = Status('t', phase='running').text()
    assert 'cameras - Hz, spread - ms' in text
    assert 'real time' not in text


def test_known_numbers_are_shown() -> None:
    text = Status('t', 'running', '', 'lifted', 50.0, 3.25, 0.5, 4, 1, 29.97, 2.04, 612.4).text()
    for part in ('lifted (50)', '3.2 s (0.50 x', 'chunk 4', '30.0 Hz', '2.0 ms', '612/s'):
        assert part in text


def test_what_the_recorder_lost_is_shown() -> None:
    lost = Status('t', phase='running', recorder_hz=612.0)
    assert lost.text().endswith('recorder 612/s')
    lost.recorder_lost, lost.recorder_worst = 3, '/cam_high'
    assert lost.text().endswith('recorder 612/s, 3 lost, most on /cam_high')


@pytest.mark.parametrize('phase', ['running', 'stopping the graph'])
def test_what_a_person_may_do_stands_at_the_end(phase: str) -> None:
    assert Status('t', phase=phase, hint='space: stop').text().endswith(' | space: stop')
    assert not Status('t', phase=phase).text().endswith('| ')


def test_off_a_terminal_lines_are_rare(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(status.time, 'monotonic', lambda: now[0])
    stream = io.StringIO()
    with Display(stream) as display:
        state = Status('t', phase='running')
        for _ in range(100):
            display.show(state)
            now[0] += 0.1
    assert len(stream.getvalue().splitlines()) == 2  # at 0 s and at 5 s


def test_a_new_phase_is_shown_at_once() -> None:
    stream = io.StringIO()
    with Display(stream) as display:
        for phase in ('resetting', 'waiting', 'waiting', 'running'):
            display.show(Status('t', phase=phase))
    assert len(stream.getvalue().splitlines()) == 3


def test_the_last_line_of_an_episode() -> None:
    episode = Episode('/e/x', 'success', 100.0, ('a',), 250, 10.04, 23.66, seed=0)
    assert episode.line() == (
        'episode=/e/x outcome=success score=100 steps=250 sim_s=10.0 wall_s=23.7'
    )


def test_a_policy_that_loads_is_shown() -> None:
    loading = Status('t', phase='loading', loading_s=34.2, hint='space: stop')
    assert loading.text() == 't | loading | the policy loads, 34 s | space: stop'
