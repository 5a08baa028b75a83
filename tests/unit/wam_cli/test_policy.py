"""``wam policy import``, ``show`` and ``check``, and their exit codes."""

import json
from pathlib import Path

import pytest
from cosmos_checkpoints import write_source

from wam_cli.main import main


@pytest.fixture(scope='module')
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy directory, imported by the command."""
    folder = tmp_path_factory.mktemp('policy')
    source = write_source(folder / 'source')
    words = ['--planning', str(source), '--preset', 'tiny', '--out', str(folder / 'out')]
    assert main(['policy', 'import', str(source), *words]) == 0
    return folder / 'out'


def test_show_says_what_was_imported(imported: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['policy', 'show', str(imported), '--json']) == 0
    description = json.loads(capsys.readouterr().out)
    assert description['weights']['instructions'] == ['fold shirt', 'put candy in bag']
    assert description['planning']['directory'] == str(imported / 'planning')
    assert main(['policy', 'show', str(imported)]) == 0
    text = capsys.readouterr().out
    for record in description['weights']['files'].values():
        assert record['sha256'] in text
    for words in ('5      action chunk', 'fold shirt', '8 candidates', '2156 tokens'):
        assert words in text
    assert '488 network evaluations' in text


def test_show_counts_one_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['policy', 'show', 'cosmos:tiny']) == 0
    said = 'each answer: 1 candidate, parallel, 1 denoising run, 10 network evaluations,'
    assert said in capsys.readouterr().out


def test_show_draws_a_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'x.svg'
    assert main(['policy', 'show', 'cosmos:tiny', '--picture', str(path)]) == 0
    assert path.read_text().startswith('<svg')
    assert main(['policy', 'show', 'cosmos:tiny', '--picture', str(tmp_path / 'no' / 'x')]) == 1
    assert 'cannot be written' in capsys.readouterr().err


def test_check_finds_nothing_wrong_in_an_import(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(['policy', 'check', str(imported), '--device', 'cpu', '--json']) == 0
    result = json.loads(capsys.readouterr().out)
    assert result['ok']
    assert [each['what'] for each in result['checks']] == [
        'files',
        'numbers',
        'network on cpu',
        'VAE on cpu',
        'planning checkpoint',
    ]


def test_check_of_a_changed_file_is_exit_code_1(
    imported: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = imported / 'planning' / 'network.safetensors'
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        assert main(['policy', 'check', str(imported), '--device', 'cpu']) == 1
    finally:
        path.write_bytes(whole)
    text = capsys.readouterr().out
    assert 'BAD planning checkpoint' in text
    assert 'SHA-256' in text
    assert 'ok  files' in text


@pytest.mark.parametrize(
    ('words', 'code', 'expected'),
    [
        (['show', 'hold'], 1, 'cosmos'),
        (['show', 'nothing'], 1, "'cosmos:tiny'"),
        (['check', 'cosmos'], 1, 'wam policy import'),
        (['check', 'cosmos:tiny', '--device', 'cuda:99'], 1, "'cpu'"),
        (['import', '/no/place', '--out', 'x'], 1, '/no/place'),
        (['import', '/no/place'], 2, '--out'),
        (['import', 'x', '--out', 'x', '--horizon', '0'], 2, '1 to 1000'),
        (['import', 'x', '--out', 'x', '--cameras', 'a,a'], 2, 'each once'),
        (['fly'], 2, "'import'"),
    ],
)
def test_errors_say_what_is_valid(
    words: list[str], code: int, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        found = main(['policy', *words])
    except SystemExit as end:
        found = int(end.code or 0)
    out = capsys.readouterr()
    assert (found, expected in out.out + out.err) == (code, True), out
