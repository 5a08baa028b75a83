"""What the documents say can be typed and opened."""

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from wam_bringup.graph import graph, parse_arguments
from wam_cli.main import make_parser

REPOSITORY = Path(__file__).resolve().parents[2]
SKIPPED = ('.venv', 'build', 'install', 'log', 'shared', 'episodes', '.')
DOCUMENTS = sorted(
    path
    for path in REPOSITORY.rglob('*.md')
    if not path.relative_to(REPOSITORY).parts[0].startswith(SKIPPED)
)
LINK = re.compile(r'\]\(([^)\s]+)\)')
CODE = re.compile(r'^```.*?^```|`[^`\n]+`', re.MULTILINE | re.DOTALL)


def name(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def anchors(path: Path) -> set[str]:
    """As GitHub makes them of headings."""
    heads = re.findall(r'^#+ (.*)$', path.read_text(), flags=re.MULTILINE)
    return {re.sub(r'[^\w\- ]', '', head.lower()).replace(' ', '-') for head in heads}


@pytest.mark.parametrize('path', DOCUMENTS, ids=name)
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in LINK.findall(CODE.sub('', path.read_text())):
        if '://' in link:
            continue
        target, _, anchor = link.partition('#')
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


def commands(path: Path, program: str) -> Iterator[list[str]]:
    """Command lines of that program in a document's code, comments and ellipses left out."""
    for code in CODE.findall(path.read_text()):
        for line in code.strip('`').splitlines():
            words = shlex.split(line.replace('…', ''), comments=True)
            if words and words[0] == program:
                yield words[1:]


@pytest.mark.parametrize('path', DOCUMENTS, ids=name)
def test_every_wam_command_line_is_accepted(path: Path) -> None:
    for words in commands(path, './wam'):
        if words[1:] == []:
            continue  # the command's name in a sentence
        try:
            arguments = make_parser(words).parse_args(words)
        except SystemExit as end:
            pytest.fail(f'./wam {shlex.join(words)}: exit code {end.code}')
        if words[0] == 'up':
            check_up(arguments)


def check_up(arguments: argparse.Namespace) -> None:
    known = {item.name for item in graph(arguments.graph).arguments}
    assert parse_arguments(arguments.arguments).keys() <= known


@pytest.mark.parametrize('path', DOCUMENTS, ids=name)
def test_every_make_target_is_in_the_makefile(path: Path) -> None:
    makefile = (REPOSITORY / 'Makefile').read_text()
    targets = set(re.findall(r'^([a-z]+):', makefile, flags=re.MULTILINE))
    for words in commands(path, 'make'):
        assert set(words) <= targets, words


@pytest.mark.parametrize('path', DOCUMENTS, ids=name)
def test_every_launch_file_and_its_arguments_exist(path: Path) -> None:
    for words in commands(path, 'ros2'):
        if words[:2] == ['launch', 'wam_bringup']:
            file, *given = words[2:]
            assert (REPOSITORY / 'launch' / file).is_file(), file
            known = {item.name for item in graph(file.removesuffix('.launch.py')).arguments}
            assert parse_arguments(given).keys() <= known, words
