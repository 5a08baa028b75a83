"""Which file a name means, and what is laid over a policy's options."""

from pathlib import Path

import pytest

from wam_bringup.config import config_directory, find, load_policy, names, reference
from wam_core.errors import WamError

TEXT = """
policy: hold
cameras: [cam_high]
image: {height: 224, width: 224, resampling: pil_bicubic}
horizon: 50
dt_s: 0.04
options: {planning: {candidates: 1, futures: 3}, model: {directory: weights}, warm_up: true}
"""


@pytest.fixture
def aloha(tmp_path: Path) -> Path:
    """A policy directory."""
    folder = tmp_path / 'aloha'
    folder.mkdir()
    (folder / 'policy.yaml').write_text(TEXT)
    return folder


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config folder with a family of policies."""
    folder = tmp_path / 'config'
    (folder / 'policies' / 'cosmos').mkdir(parents=True)
    for path in ('cosmos', 'cosmos/tiny', 'cosmos/v1.5'):
        (folder / 'policies' / f'{path}.yaml').write_text(TEXT)
    monkeypatch.setattr('wam_bringup.config.config_directory', lambda: folder)
    return folder


def test_a_plain_name_is_a_file_of_the_config_folder() -> None:
    config = load_policy('hold')
    assert config.spec.name == 'hold'
    assert config.directory == str(config_directory() / 'policies')
    assert config.source == f'{config.directory}/hold.yaml'


@pytest.mark.parametrize('name', ['cosmos', 'cosmos:tiny', 'cosmos:v1.5'])
def test_a_variant_is_a_file_in_the_folder_of_its_family(configured: Path, name: str) -> None:
    assert names('policies') == ['cosmos', 'cosmos:tiny', 'cosmos:v1.5']
    config = load_policy(name)
    assert config.spec.name == name
    assert config.source == str(configured / 'policies' / f'{name.replace(":", "/")}.yaml')
    assert Path(config.source).parent == Path(config.directory)


@pytest.mark.parametrize('suffix', ['', '/', '/policy.yaml'])
def test_a_directory_is_a_policy_named_after_itself(aloha: Path, suffix: str) -> None:
    config = load_policy(f'{aloha}{suffix}')
    assert config.spec.name == 'aloha'
    assert config.directory == str(aloha)


def test_a_file_is_a_policy_named_after_itself(aloha: Path) -> None:
    path = (aloha / 'policy.yaml').rename(aloha / 'mine.yaml')
    config = load_policy(str(path))
    assert (config.spec.name, config.directory) == ('mine', str(aloha))


def test_a_relative_path_means_the_same_everywhere(
    aloha: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(aloha.parent)
    assert reference('policies', 'aloha') == str(aloha / 'policy.yaml')
    assert reference('policies', 'aloha/policy.yaml') == str(aloha / 'policy.yaml')
    assert reference('policies', 'hold') == 'hold'
    assert load_policy('aloha').directory == str(aloha)


def test_a_name_comes_before_a_directory(aloha: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aloha.rename(aloha.parent / 'hold')
    monkeypatch.chdir(aloha.parent)
    assert find('policies', 'hold') == config_directory() / 'policies' / 'hold.yaml'


@pytest.mark.parametrize(
    ('kind', 'name', 'parts'),
    [
        ('policies', 'cosmoss', ["policy 'cosmoss'", "'hold'", 'policy.yaml']),
        ('policies', 'hold:tiny', ["policy 'hold:tiny'", "'hold'"]),
        ('policies', '', ["policy ''", "'hold'"]),
        ('rigs', 'tabletop', ["rig 'tabletop'", "'sim'", '.yaml']),
        ('tasks', 'aloha', ["task 'aloha'", "'transfer_cube'"]),
    ],
)
def test_an_unknown_name_is_refused_with_those_that_exist(
    aloha: Path, monkeypatch: pytest.MonkeyPatch, kind: str, name: str, parts: list[str]
) -> None:
    monkeypatch.chdir(aloha.parent)
    with pytest.raises(WamError) as error:
        find(kind, name)
    for part in parts:
        assert part in str(error.value)


def test_a_directory_without_a_policy_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WamError, match=rf'there is no policy.yaml in {tmp_path}'):
        load_policy(str(tmp_path))


def test_options_are_laid_over_the_file_section_by_section(aloha: Path) -> None:
    over = '{planning: {candidates: 4}, warm_up: false, model: {seed: 1}, extra: {a: 1}}'
    assert load_policy(str(aloha), over).options == {
        'planning': {'candidates': 4, 'futures': 3},
        'model': {'directory': 'weights', 'seed': 1},
        'warm_up': False,
        'extra': {'a': 1},
    }
    assert load_policy('hold', over).options['planning'] == {'candidates': 4}


@pytest.mark.parametrize('text', ['[1', '[1]', 'a', '5'])
def test_options_that_are_no_mapping_are_refused(text: str) -> None:
    with pytest.raises(WamError, match='policy options'):
        load_policy('hold', text)
