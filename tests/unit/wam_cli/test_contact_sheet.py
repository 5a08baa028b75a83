"""The contact sheet on a terminal: its cells, its width, and when there is one."""

import io
import os
import re
import sys
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from episode_maker import HIGH, EpisodeMaker, messages
from hypothesis import given, settings
from hypothesis import strategies as st
from pty_session import PtySession
from rich.console import Console

from wam_cli.contact_sheet import HalfBlocks, contact_sheet, per_row, screen
from wam_cli.main import main
from wam_data.definitions import Definitions
from wam_data.report.content import Content
from wam_data.report.gather import gather
from wam_data.report.text import text

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
WHITE, GREY, BLACK = (255, 255, 255), (90, 90, 90), (0, 0, 0)
Out = pytest.CaptureFixture[str]
Cell = tuple[str, tuple[int, ...] | None, tuple[int, ...] | None]
PLAIN = ('NO_COLOR', 'FORCE_COLOR', 'TTY_COMPATIBLE', 'COLORTERM', 'COLUMNS')


def cells(picture: list[list[tuple[int, int, int]]]) -> list[Cell]:
    """Characters with the colours of their upper and their lower half."""
    found: list[Cell] = []
    for segment in Console().render(HalfBlocks(np.array(picture, np.uint8))):
        style = segment.style
        colours = (style.color, style.bgcolor) if style else (None, None)
        upper, lower = (tuple(c.triplet) if c and c.triplet else None for c in colours)
        found.append((segment.text, upper, lower))
    return found


def shown(content: Content, width: int, colours: Literal['256', 'truecolor'] = 'truecolor') -> str:
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, color_system=colours, no_color=False, width=width
    )
    console.print(contact_sheet(content, width))
    return file.getvalue()


def letters(printed: str) -> list[str]:
    return re.sub(r'\x1b\[[0-9;]*m', '', printed).splitlines()


def show(*words: str) -> int:
    return main(['episodes', 'show', *words])


@pytest.fixture(scope='module')
def make(tmp_path_factory: pytest.TempPathFactory) -> EpisodeMaker:
    return EpisodeMaker(tmp_path_factory.mktemp('sheets'), Definitions(), messages(0.5))


@pytest.fixture(scope='module')
def content(make: EpisodeMaker) -> Content:
    return gather(make())


class TestCells:
    def test_a_character_is_two_pixels(self) -> None:
        assert cells([[RED, GREEN], [BLUE, WHITE]]) == [
            ('▀', RED, BLUE),
            ('▀', GREEN, WHITE),
            ('\n', None, None),
        ]

    def test_below_the_last_of_an_odd_number_of_rows_is_nothing(self) -> None:
        assert cells([[RED], [GREEN], [BLACK]]) == [
            ('▀', RED, GREEN),
            ('\n', None, None),
            ('▀', BLACK, None),
            ('\n', None, None),
        ]
        assert cells([[GREY]]) == [('▀', GREY, None), ('\n', None, None)]


class TestSheet:
    def test_each_camera_has_a_row_with_times(self, content: Content) -> None:
        lines = letters(shown(content, 80))
        cameras = [line for line in lines if line.startswith('cam_')]
        assert cameras == ['cam_high', 'cam_left_wrist']
        times = [re.findall(r'(\d\.\d) s', line) for line in lines if ' s' in line]
        assert times == [
            [f'{shot.t_s:.1f}' for shot in shots[:3]] for shots in content.shots.values()
        ]
        # Three of 25 x 19 pixels (32 x 24, shrunk) beside each other, and the spaces.
        rows = [line for line in lines if '▀' in line]
        assert len(rows) == 2 * 10
        assert set(rows) == {'  ' + ' '.join(['▀' * 25] * 3)}

    @given(st.integers(1, 260))
    @settings(deadline=None, max_examples=25)
    def test_it_is_never_wider_than_the_terminal(self, content: Content, width: int) -> None:
        lines = letters(shown(content, width))
        assert max(map(len, lines)) <= width
        if width >= 3:
            assert any('▀' in line for line in lines)

    def test_how_many_fit(self) -> None:
        expected = {1: 1, 26: 1, 50: 1, 51: 2, 80: 3, 200: 7, 1000: 8}
        assert {width: per_row(width) for width in expected} == expected

    def test_colours_suit_the_terminal(self, content: Content) -> None:
        assert re.search(r'\x1b\[38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+m▀', shown(content, 80))
        few = shown(content, 80, '256')
        assert re.search(r'\x1b\[38;5;\d+;48;5;\d+m▀', few)
        assert ';2;' not in few

    def test_a_camera_without_a_frame(self, make: EpisodeMaker) -> None:
        found = gather(make(lambda written: [m for m in written if m.topic != HIGH]))
        lines = letters(shown(found, 80))
        assert lines[0] == 'cam_high: no frame was recorded'
        assert 'cam_left_wrist' in lines

    def test_without_a_camera_there_is_nothing(self, content: Content) -> None:
        assert shown(replace(content, shots={}), 80) == ''


class TestScreen:
    @pytest.fixture(autouse=True)
    def surroundings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A terminal with all colours."""
        for name in PLAIN:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv('TERM', 'xterm-256color')
        monkeypatch.setenv('COLORTERM', 'truecolor')
        monkeypatch.setattr(sys.stdout, 'isatty', lambda: True, raising=False)

    def test_a_terminal_with_colours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv('COLUMNS', '123')
        found = screen('auto')
        assert found is not None
        assert (found.color_system, found.width) == ('truecolor', 123)
        monkeypatch.setenv('COLORTERM', '24bit')
        found = screen('auto')
        assert found is not None and found.color_system == 'truecolor'

    def test_a_terminal_with_256_colours(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv('COLORTERM')
        found = screen('auto')
        assert found is not None and found.color_system == '256'

    @pytest.mark.parametrize(
        ('name', 'value'), [('NO_COLOR', '1'), ('TERM', 'dumb'), ('TERM', 'linux')]
    )
    def test_who_asks_for_plain_text_gets_it(
        self, name: str, value: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if value == 'linux':  # a console with 16 colours
            monkeypatch.delenv('COLORTERM')
        monkeypatch.setenv(name, value)
        assert screen('auto') is None
        found = screen('yes')
        assert found is not None
        assert not found.no_color
        assert found.color_system == 'truecolor'

    def test_no_means_no(self) -> None:
        assert screen('no') is None

    def test_a_pipe(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.stdout, 'isatty', lambda: False, raising=False)
        assert screen('auto') is None
        monkeypatch.setenv('FORCE_COLOR', '1')
        assert screen('auto') is None
        assert screen('yes') is not None


class TestShow:
    """``wam episodes show``."""

    def test_a_pipe_gets_the_text_and_nothing_else(
        self, make: EpisodeMaker, capsys: Out, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv('COLORTERM', 'truecolor')
        monkeypatch.setenv('FORCE_COLOR', '1')
        path = make()
        for words in ((), ('--pictures', 'no'), ('--pictures', 'auto')):
            assert show(str(path), *words) == 0
            assert capsys.readouterr().out == text(gather(path, shots=0)) + '\n'

    def test_they_stand_below_the_text(self, make: EpisodeMaker, capsys: Out) -> None:
        path = str(make())
        assert show(path) == 0
        plain = capsys.readouterr().out
        assert show(path, '--pictures', 'yes') == 0
        both = capsys.readouterr().out
        assert both.startswith(plain)
        assert '▀' not in plain
        assert '▀' in both.removeprefix(plain)

    def test_a_terminal_shows_them(self, make: EpisodeMaker) -> None:
        path = str(make())
        plain = {name: value for name, value in os.environ.items() if name not in PLAIN}
        for surroundings, expected in (({}, True), ({'NO_COLOR': '1'}, False)):
            environment = {**plain, 'COLORTERM': 'truecolor', **surroundings}
            terminal = PtySession(('episodes', 'show', path), environment)
            assert terminal.wait() == 0
            assert ('▀' in terminal.poll()) is expected
            assert 'timeline' in terminal.poll()
            terminal.close()

    def test_they_are_for_the_terminal(self, make: EpisodeMaker, capsys: Out) -> None:
        path = str(make())
        assert show(path, '--json', '--pictures', 'yes') == 2
        assert show(path, '--html', 'x.html', '--pictures', 'no') == 2
        assert capsys.readouterr().err.count('a page always has pictures, JSON never') == 2

    def test_a_damaged_recording(self, make: EpisodeMaker, capsys: Out) -> None:
        path = make()
        recording = path / 'episode.mcap'
        data = bytearray(recording.read_bytes())
        data[len(data) // 3] ^= 0xFF
        recording.write_bytes(data)
        assert show(str(path), '--pictures', 'yes') == 1
        shown = capsys.readouterr()
        assert 'is damaged' in shown.err
        assert '▀' not in shown.out
