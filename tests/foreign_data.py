"""Small data sets of other projects' layouts, written by our own words, to be imported."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from export_episodes import frame
from numpy.typing import NDArray

HEIGHT, WIDTH = 32, 48
TASK = 'move the cube'


def state(length: int, width: int = 14, start: float = 0.0) -> NDArray[np.float32]:
    """(length, width): each row tells its number."""
    rows = start + np.arange(length)[:, None] * 0.01 + np.arange(width) * 0.1
    return np.asarray(rows, np.float32)


def action(length: int, width: int = 14, start: float = 0.0) -> NDArray[np.float32]:
    return -state(length, width, start)


def pictures(length: int, first: int = 0) -> list[NDArray[np.uint8]]:
    """Of R, G, B: their numbers as stripes."""
    return [frame(first + number, HEIGHT, WIDTH) for number in range(length)]


def aloha(
    path: Path,
    length: int = 6,
    coding: str = 'raw',
    effort: bool = True,
    cameras: Sequence[str] = ('cam_high', 'cam_low'),
) -> Path:
    """An HDF5 file. coding: raw, as ACT writes it; jpeg: as Interbotix does, from RGB pixels."""
    with h5py.File(path, 'w') as file:
        file.attrs['sim'] = not effort
        file['observations/qpos'] = state(length)
        file['observations/qvel'] = state(length) * 2
        if effort:
            file['observations/effort'] = state(length) * 3
            file['base_action'] = np.zeros((length, 2), np.float32)
        file['action'] = action(length)
        for camera in cameras:
            images = np.stack(pictures(length)) if coding == 'raw' else padded(pictures(length))
            file[f'observations/images/{camera}'] = images
    return path


def padded(images: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """JPEG files of one length, of pixels that the encoder takes for B, G, R."""
    files = [np.asarray(cv2.imencode('.jpg', pixels)[1], np.uint8) for pixels in images]
    found = np.zeros((len(files), max(len(data) for data in files)), np.uint8)
    for row, data in zip(found, files, strict=True):
        row[: len(data)] = data
    return found


def video(path: Path, images: list[NDArray[np.uint8]], rate_hz: int = 30) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as container:
        stream: Any = container.add_stream(
            'libx264', rate=rate_hz, options={'crf': '15', 'g': '2'}
        )
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = 'yuv420p'
        for pixels in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format='rgb24')))
        container.mux(stream.encode())
    return path


def rows(length: int, episode: int, first: int = 0, **more: Any) -> dict[str, Any]:
    """Columns of an episode's frames."""
    number = np.arange(length)
    return {
        'observation.state': list(state(length, start=episode)),
        'action': list(action(length, start=episode)),
        'timestamp': (number / 30).astype(np.float32),
        'frame_index': number,
        'episode_index': np.full(length, episode),
        'index': first + number,
        'task_index': np.zeros(length, np.int64),
        **more,
    }


def table(columns: dict[str, Any]) -> Any:
    return pa.table({name: pa.array(values) for name, values in columns.items()})


V2_NAME = 'chunk-{episode_chunk:03d}/episode_{episode_index:06d}'
V2_VIDEO = 'videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4'
V3_NAME = 'chunk-{chunk_index:03d}/file-{file_index:03d}'


def info(folder: Path, version: str, data: str, videos: str, **features: Any) -> None:
    numbers = {'dtype': 'float32', 'shape': [14], 'names': None}
    contents = {
        'codebase_version': version,
        'fps': 30,
        'chunks_size': 1000,
        'data_path': data,
        'video_path': videos,
        'features': {
            'observation.state': numbers,
            'action': numbers,
            'observation.images.cam_high': {'dtype': 'video', 'shape': [HEIGHT, WIDTH, 3]},
            'task_index': {'dtype': 'int64', 'shape': [1], 'names': None},
            **features,
        },
    }
    write(folder / 'meta/info.json', json.dumps(contents))


def lerobot_v2(folder: Path, lengths: dict[int, int], named: Sequence[int] = ()) -> Path:
    """v2.1, with these episodes. named: further ones in the metadata whose files aren't there."""
    info(folder, 'v2.1', f'data/{V2_NAME}.parquet', V2_VIDEO)
    every = {**lengths, **dict.fromkeys(named, 5)}
    lines = [
        {'episode_index': key, 'tasks': [TASK], 'length': every[key]} for key in sorted(every)
    ]
    write(folder / 'meta/episodes.jsonl', '\n'.join(map(json.dumps, lines)))
    write(folder / 'meta/tasks.jsonl', json.dumps({'task_index': 0, 'task': TASK}))
    for number, length in lengths.items():
        name = f'episode_{number:06d}'
        put(folder / f'data/chunk-000/{name}.parquet', table(rows(length, number)))
        path = folder / f'videos/chunk-000/observation.images.cam_high/{name}.mp4'
        video(path, pictures(length, first=10 * number))
    return folder


def lerobot_v3(folder: Path, lengths: Sequence[int], **more: Any) -> Path:
    """v3.0: all episodes in one file of numbers and one video. more: columns, (all frames,)."""
    features = {name: {'dtype': 'bool', 'shape': [1]} for name in more}
    videos = f'videos/{{video_key}}/{V3_NAME}.mp4'
    info(folder, 'v3.0', f'data/{V3_NAME}.parquet', videos, **features)
    place = {'data/chunk_index': 0, 'data/file_index': 0}
    key = 'videos/observation.images.cam_high'
    tables, meta, images, first = [], [], [], 0
    for number, length in enumerate(lengths):
        part = {name: values[first : first + length] for name, values in more.items()}
        tables.append(table(rows(length, number, first, **part)))
        images += pictures(length, first=10 * number)
        times = {
            f'{key}/from_timestamp': first / 30,
            f'{key}/to_timestamp': (first + length) / 30,
        }
        files = {f'{key}/chunk_index': 0, f'{key}/file_index': 0}
        row = {'episode_index': number, 'tasks': [TASK], 'length': length}
        meta.append(row | place | files | times)
        first += length
    put(folder / 'data/chunk-000/file-000.parquet', pa.concat_tables(tables))
    put(folder / 'meta/episodes/chunk-000/file-000.parquet', pa.Table.from_pylist(meta))
    tasks = pa.table({'task_index': [0], '__index_level_0__': [TASK]})
    put(folder / 'meta/tasks.parquet', tasks)
    video(folder / 'videos/observation.images.cam_high/chunk-000/file-000.mp4', images)
    return folder


def lerobot_v1(folder: Path, length: int) -> Path:
    name = 'videos/observation.images.top_episode_000000.mp4'
    video(folder / name, pictures(length))
    write(folder / 'meta_data/info.json', json.dumps({'fps': 30, 'video': 1}))
    cells = [{'path': name, 'timestamp': number / 30} for number in range(length)]
    columns = {**rows(length, 0), 'observation.images.top': cells}
    del columns['task_index']
    (folder / 'train').mkdir()
    found = table(columns)
    with pa.ipc.new_stream(folder / 'train/data-00000-of-00001.arrow', found.schema) as stream:
        stream.write_table(found)
    return folder


def put(path: Path, found: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(found, path)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')
