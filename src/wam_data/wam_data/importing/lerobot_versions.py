"""How the versions of a LeRobotDataset are cut into files."""

from pathlib import Path
from typing import Any

from wam_core.errors import WamError
from wam_data.importing.foreign import MissingEpisodeError, outcome_of
from wam_data.importing.lerobot import LeRobot, Place
from wam_data.importing.lerobot_info import cells, file_of, integers, read_lines, read_table
from wam_data.importing.vectors import Layout


class LeRobotV2(LeRobot):
    """v2.0 and v2.1: a parquet file and videos for each episode."""

    format = 'lerobot_v2'

    def names(self) -> list[str]:
        """Of meta/episodes.jsonl."""
        path = self.folder / 'meta/episodes.jsonl'
        return [_index(entry, 'episode_index', path) for entry in read_lines(path)]

    def tasks(self) -> dict[int, str]:
        """Of meta/tasks.jsonl."""
        path = self.folder / 'meta/tasks.jsonl'
        return {
            int(_index(entry, 'task_index', path)): str(entry.get('task', ''))
            for entry in read_lines(path)
        }

    def place(self, number: int, videos: list[str]) -> Place:
        """Files by the patterns of info.json."""
        where = {'episode_chunk': number // self.info.chunk_size, 'episode_index': number}
        data = _present(file_of(self.folder, self.info.data_path, **where))
        pattern = self.info.video_path
        files = {key: file_of(self.folder, pattern, video_key=key, **where) for key in videos}
        return Place(read_table(data), {key: (_present(path), 0.0) for key, path in files.items()})


class LeRobotV3(LeRobot):
    """v3.0: files that hold many episodes."""

    format = 'lerobot_v3'

    def __init__(self, folder: Path, layout: Layout) -> None:
        super().__init__(folder, layout)
        self._rows: dict[int, dict[str, Any]] = {}
        for path in sorted(folder.glob('meta/episodes/chunk-*/file-*.parquet')):
            table = read_table(path)
            kept = [name for name in table.column_names if not name.startswith('stats/')]
            source = str(path)
            numbers_ = integers(table, 'episode_index', source)
            self._rows |= dict(zip(numbers_, cells(table.select(kept), source), strict=True))

    def names(self) -> list[str]:
        """Of meta/episodes."""
        return [str(number) for number in sorted(self._rows)]

    def tasks(self) -> dict[int, str]:
        """Of meta/tasks.parquet."""
        path = self.folder / 'meta/tasks.parquet'
        table = read_table(path)
        texts = [name for name in table.column_names if name != 'task_index']
        if len(texts) != 1:
            raise WamError(f'{path}: columns {table.column_names}, expected task_index and a text')
        numbers_ = integers(table, 'task_index', str(path))
        return dict(zip(numbers_, map(str, cells(table.column(texts[0]), str(path))), strict=True))

    def place(self, number: int, videos: list[str]) -> Place:
        """Files and times by meta/episodes."""
        row = self._rows[number]
        where = _file_numbers(row, 'data', self.folder)
        data = _present(file_of(self.folder, self.info.data_path, **where))
        table = read_table(data, episode=number)
        found = {}
        for key in videos:
            where = _file_numbers(row, f'videos/{key}', self.folder)
            path = file_of(self.folder, self.info.video_path, video_key=key, **where)
            start = row.get(f'videos/{key}/from_timestamp')
            if not isinstance(start, float | int):
                raise WamError(f'{self.folder}: episode {number}: no from_timestamp of {key}')
            found[key] = _present(path), float(start)
        return Place(table, found, outcome_of(row.get('wam/result'), row.get('wam/score')))


def _present(path: Path) -> Path:
    if not path.is_file():
        raise MissingEpisodeError(f'{path}: is not there')
    return path


def _index(entry: dict[str, Any], key: str, path: Path) -> str:
    number = entry.get(key)
    if not isinstance(number, int):
        raise WamError(f'{path}: {key} = {number!r}, expected a whole number')
    return str(number)


def _file_numbers(row: dict[str, Any], what: str, folder: Path) -> dict[str, object]:
    found = {key: row.get(f'{what}/{key}') for key in ('chunk_index', 'file_index')}
    if not all(isinstance(number, int) for number in found.values()):
        raise WamError(f'{folder}: meta/episodes: {what}: {found}, expected whole numbers')
    return dict(found)
