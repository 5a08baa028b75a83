import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from export_episodes import FAILURE, Script, record

from wam_core.errors import WamError
from wam_data.export.formats import FORMATS, Format, make_format
from wam_data.export.plan import REPORT
from wam_data.export.runner import Choice, export
from wam_data.export.settings import ExportSettings
from wam_data.export.source import Source
from wam_data.export.summary import EpisodeSummary
from wam_data.export.workers import UNITS
from wam_data.label import write_label

SETTINGS = ExportSettings()
ONE = Choice()


class CutOff(BaseException):
    """Stands for what ends a process."""


@dataclass(frozen=True)
class Listing:
    """A format that writes a byte of each frame as text.

    Where a file cut_<index> or cut_finish lies beside the data set, it is cut off there.
    """

    name: ClassVar[str] = 'listing'
    mixed: ClassVar[frozenset[str]] = frozenset({'tasks'})
    text: str = 'rows'

    def prepare(self, episodes: Sequence[EpisodeSummary], settings: ExportSettings) -> 'Listing':
        return self

    def write_episode(self, source: Source, index: int, folder: Path) -> Mapping[str, object]:
        name = f'data/{index}.txt'
        (folder / name).parent.mkdir(exist_ok=True)
        with (folder / name).open('w') as stream:
            stream.write(self.text)
            if (folder.parent / f'cut_{index}').exists():
                raise CutOff
            for pixels in source.frames(source.cameras[0]):
                stream.write(f' {pixels[0, 0, 0]}')
        with (folder.parent / 'written').open('a') as stream:
            stream.write(f'{index}\n')
        return {'files': [name], 'sum': 0.1 * source.grid.count}

    def finish(self, folder: Path, episodes: Sequence[Mapping[str, object]]) -> None:
        if (folder.parent / 'cut_finish').exists():
            raise CutOff
        (folder / 'all.json').write_text(json.dumps([entry['sum'] for entry in episodes]))


def written(tmp_path: Path) -> list[int]:
    """Which episodes the format has written so far, in order."""
    return [int(line) for line in (tmp_path / 'written').read_text().split()]


def digests(folder: Path) -> dict[str, str]:
    """Of all files, by path."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    return [record(tmp_path, number, Script(seconds=0.3)) for number in (1, 2, 3)]


def test_a_data_set_appears_whole_and_says_how_it_was_made(
    tmp_path: Path, paths: list[Path]
) -> None:
    told: list[tuple[str, int, int]] = []
    done = export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE, lambda *at: told.append(at))
    assert done.resumed == 0
    assert not (tmp_path / 'out.partial').exists()
    assert {str(path.relative_to(done.folder)) for path in done.folder.rglob('*.*')} == {
        'data/0.txt', 'data/1.txt', 'data/2.txt', 'all.json', 'export.json',
    }  # fmt: skip
    report = json.loads((done.folder / REPORT).read_text())
    assert [entry['episode'] for entry in report['episodes']] == [
        f'move-the-cube/{path.name}' for path in paths
    ]
    assert report['settings']['rate_hz'] == 25.0
    assert report['options'] == {'text': 'rows'}
    streams = {entry['stream']: entry for entry in report['episodes'][0]['streams']}
    assert streams['cam_high']['holds'] == 0
    assert str(tmp_path) not in (done.folder / REPORT).read_text(), 'the same bytes elsewhere'
    assert [at for at in told if at[0] == 'write'][-1] == ('write', 3 * UNITS, 3 * UNITS)
    assert [at[1] for at in told if at[0] == 'write'] == sorted(
        at[1] for at in told if at[0] == 'write'
    )


@pytest.mark.parametrize('cut', ['cut_1', 'cut_finish'])
def test_what_was_cut_off_goes_on_where_it_ended(
    tmp_path: Path, paths: list[Path], cut: str
) -> None:
    expected = digests(export(Listing(), paths, tmp_path / 'whole', SETTINGS, ONE).folder)
    (tmp_path / 'written').unlink()
    (tmp_path / cut).touch()
    with pytest.raises(CutOff):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert not (tmp_path / 'out').exists()
    (tmp_path / cut).unlink()
    done = export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert written(tmp_path) == [0, 1, 2], 'nothing is written twice'
    assert done.resumed == (1 if cut == 'cut_1' else 3)
    assert digests(done.folder) == expected


def test_an_episode_whose_file_is_not_as_it_was_written_is_written_again(
    tmp_path: Path, paths: list[Path]
) -> None:
    (tmp_path / 'cut_2').touch()
    with pytest.raises(CutOff):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    (tmp_path / 'cut_2').unlink()
    os.truncate(tmp_path / 'out.partial' / 'data' / '0.txt', 3)
    done = export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert written(tmp_path) == [0, 1, 0, 2]
    assert (done.folder / 'data' / '0.txt').read_text().startswith('rows ')


def test_several_processes_write_what_one_does(tmp_path: Path, paths: list[Path]) -> None:
    one = export(make_format('cosmos', {}), paths, tmp_path / 'one', SETTINGS, ONE)
    two = export(make_format('cosmos', {}), paths, tmp_path / 'two', SETTINGS, Choice(jobs=2))
    assert len(digests(one.folder)) == 15
    assert digests(one.folder) == digests(two.folder)


@pytest.mark.parametrize(
    ('name', 'options'),
    [('aloha_hdf5', {}), ('aloha_hdf5', {'images': 'jpeg'}), ('cosmos', {})],
    ids=['raw', 'jpeg', 'cosmos'],
)
def test_the_same_episodes_elsewhere_give_the_same_bytes(
    tmp_path: Path, paths: list[Path], name: str, options: dict[str, Any]
) -> None:
    moved = shutil.copytree(tmp_path / 'move-the-cube', tmp_path / 'other' / 'move-the-cube')
    again = [moved / path.name for path in paths]
    folders = [
        export(make_format(name, options), chosen, tmp_path / out, SETTINGS, ONE).folder
        for chosen, out in ((paths, 'first'), (again, 'second'))
    ]
    assert digests(folders[0]) == digests(folders[1])


def test_another_export_is_not_mixed_in(tmp_path: Path, paths: list[Path]) -> None:
    (tmp_path / 'cut_1').touch()
    with pytest.raises(CutOff):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    (tmp_path / 'cut_1').unlink()
    for made, chosen, settings in (
        (Listing('other'), paths, SETTINGS),
        (Listing(), paths[:2], SETTINGS),
        (Listing(), paths, ExportSettings(rate_hz=20.0)),
    ):
        with pytest.raises(WamError, match='was left by an export of other'):
            export(made, chosen, tmp_path / 'out', settings, ONE)
    write_label(paths[0], FAILURE)
    with pytest.raises(WamError, match='was left by an export of other or changed episodes'):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)


def test_two_exports_at_once_are_refused(tmp_path: Path, paths: list[Path]) -> None:
    refused: list[str] = []

    def meanwhile(what: str, done: int, total: int) -> None:
        if what == 'write' and not refused:
            for made in (Listing(), Listing('other')):
                with pytest.raises(WamError) as caught:
                    export(made, paths, tmp_path / 'out', SETTINGS, ONE)
                refused.append(str(caught.value))

    done = export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE, meanwhile)
    assert len(refused) == 2
    assert all('out.partial: another export is at work there' in text for text in refused)
    assert written(tmp_path) == [0, 1, 2]
    export(Listing(), paths, tmp_path / 'whole', SETTINGS, ONE)
    assert digests(done.folder) == digests(tmp_path / 'whole')


def test_a_plan_that_was_cut_off_while_it_was_written_is_written_again(
    tmp_path: Path, paths: list[Path]
) -> None:
    (tmp_path / 'out.partial' / '.export').mkdir(parents=True)
    (tmp_path / 'out.partial' / '.export' / '.plan.json.0a1b.tmp').touch()
    assert export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE).resumed == 0


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, paths: list[Path]) -> None:
    (tmp_path / 'out.partial').mkdir()
    (tmp_path / 'out.partial' / 'precious').write_text('mine')
    with pytest.raises(WamError, match=r'out\.partial: was left by'):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert (tmp_path / 'out.partial' / 'precious').read_text() == 'mine'


@pytest.mark.parametrize('kind', ['folder', 'file', 'link'])
def test_an_out_that_exists_is_refused_before_anything(
    tmp_path: Path, paths: list[Path], kind: str
) -> None:
    out = tmp_path / 'out'
    {
        'folder': out.mkdir,
        'file': out.touch,
        'link': lambda: out.symlink_to(tmp_path / 'nowhere'),
    }[kind]()
    with pytest.raises(WamError, match='out: exists'):
        export(Listing(), paths, out, SETTINGS, ONE)
    assert not (tmp_path / 'out.partial').exists()


def test_episodes_are_only_read(tmp_path: Path, paths: list[Path]) -> None:
    before = digests(tmp_path / 'move-the-cube')
    export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert digests(tmp_path / 'move-the-cube') == before


MIXED: dict[str, tuple[dict[str, Any], str]] = {
    'tasks': ({'task': 'fold the shirt'}, r"tasks are mixed: .*0001 is 'move the cube', .*0002"),
    'rigs': ({'rig': 'aloha'}, r"rigs are mixed: .*0001 is 'sim', .*0002 is 'aloha'"),
    'cameras': (
        {'cameras': {'cam_high': (32, 48)}},
        r'cameras differ: .*0001 has .*cam_right_wrist 32x48, .*0002 has cam_high 32x48 ',
    ),
    'sizes': (
        {'cameras': dict.fromkeys(('cam_high', 'cam_left_wrist', 'cam_right_wrist'), (48, 64))},
        r'cameras differ: .*0002 has cam_high 48x64',
    ),
}


@pytest.mark.parametrize('what', MIXED)
def test_episodes_that_do_not_belong_together_are_named(tmp_path: Path, what: str) -> None:
    change, message = MIXED[what]
    paths = [record(tmp_path, 1), record(tmp_path, 2, Script(**change))]
    with pytest.raises(WamError, match=message):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert not (tmp_path / 'out.partial').exists()


def test_a_mixture_is_a_choice_where_the_format_can_hold_it(tmp_path: Path) -> None:
    paths = [record(tmp_path, 1), record(tmp_path, 2, Script(task='fold the shirt'))]
    done = export(Listing(), paths, tmp_path / 'out', SETTINGS, Choice(('tasks',)))
    assert len(done.plan.episodes) == 2
    with pytest.raises(WamError, match=r"holds \['tasks'\] mixed"):
        export(Listing(), paths, tmp_path / 'other', SETTINGS, Choice(('rigs',)))


def test_every_bad_episode_is_named_and_may_be_left_out(tmp_path: Path, paths: list[Path]) -> None:
    os.truncate(paths[1] / 'episode.mcap', 2000)
    (paths[2] / 'episode.json').write_text('{')
    with pytest.raises(WamError, match=r'(?s)0002.*cut off or damaged.*0003.*is not JSON'):
        export(Listing(), paths, tmp_path / 'out', SETTINGS, ONE)
    assert not (tmp_path / 'out.partial').exists()
    done = export(Listing(), paths, tmp_path / 'out', SETTINGS, Choice(skip_bad=True, jobs=2))
    assert [name for name, _ in done.plan.left_out] == [
        f'move-the-cube/{path.name}' for path in paths[1:]
    ]
    assert len(json.loads((done.folder / REPORT).read_text())['left_out']) == 2
    with pytest.raises(WamError, match='no episode to export'):
        export(Listing(), paths[1:], tmp_path / 'none', SETTINGS, Choice(skip_bad=True))


@pytest.mark.parametrize('jobs', [1, 2])
def test_a_frame_that_cannot_be_decoded_is_named(tmp_path: Path, jobs: int) -> None:
    paths = [record(tmp_path, 1), record(tmp_path, 2, Script(broken=7))]
    with pytest.raises(WamError, match=r'Z-0002: /cam_\w+/.*are no image'):
        export(make_format('cosmos', {}), paths, tmp_path / 'out', SETTINGS, Choice(jobs=jobs))
    assert not (tmp_path / 'out').exists()
    choice = Choice(jobs=jobs, skip_bad=True)
    done = export(make_format('cosmos', {}), paths, tmp_path / 'good', SETTINGS, choice)
    assert [name for name, _ in done.plan.left_out] == [f'move-the-cube/{paths[1].name}']


def test_a_partial_episode_is_refused(tmp_path: Path, paths: list[Path]) -> None:
    partial = paths[0].rename(paths[0].with_name(f'{paths[0].name}.partial'))
    with pytest.raises(WamError, match='recover it first'):
        export(Listing(), [partial], tmp_path / 'out', SETTINGS, ONE)


def test_formats_are_found_by_name_and_their_options_checked() -> None:
    made: Format = make_format('aloha_hdf5', {'images': 'jpeg'})
    assert made.name == 'aloha_hdf5'
    assert make_format('cosmos', {'validation': '0.25', 'chunk': '16'}) == make_format(
        'cosmos', {'validation': 0.25, 'chunk': 16}
    )
    with pytest.raises(WamError, match=rf'unknown format .zarr.*{next(iter(FORMATS))}'):
        make_format('zarr', {})
    with pytest.raises(WamError, match=r"unknown option 'places'.*layout"):
        make_format('cosmos', {'places': ''})
    with pytest.raises(WamError, match=r"option chunk = 'many', expected int"):
        make_format('cosmos', {'chunk': 'many'})
    with pytest.raises(WamError, match='0 jobs'):
        Choice(jobs=0)
