"""Checkpoint files, hostile ones included."""

import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch

from wam_core.errors import WamError
from wam_policy.cosmos.checkpoint.archive import load_checkpoint, load_pickled_tensors
from wam_policy.cosmos.checkpoint.tensor_file import write_tensors

TENSORS = {'net.a': torch.tensor([1.0, 2.0]), 'net.b': torch.ones(2, 3, dtype=torch.bfloat16)}


class Evil:
    """Would make a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('container', ['', 'model', 'state_dict'])
@pytest.mark.parametrize('zipped', [True, False])
def test_every_container_gives_the_tensors(tmp_path: Path, container: str, zipped: bool) -> None:
    path = tmp_path / 'x.pt'
    content = {container: TENSORS, 'iteration': 3} if container else TENSORS
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    loaded = load_checkpoint(path)
    assert loaded.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        found = loaded[name]
        assert isinstance(found, torch.Tensor)
        assert found.dtype == tensor.dtype
        assert torch.equal(found, tensor)


def test_safetensors_are_read_too(tmp_path: Path) -> None:
    safetensors.torch.save_file(TENSORS, tmp_path / 'x.safetensors')
    assert load_checkpoint(tmp_path / 'x.safetensors').keys() == TENSORS.keys()


@pytest.mark.parametrize(
    ('name', 'zipped', 'mapped'),
    [('x.safetensors', True, True), ('x.pt', True, True), ('x.pt', False, False)],
)
def test_tensors_stay_in_the_file(tmp_path: Path, name: str, zipped: bool, mapped: bool) -> None:
    path = tmp_path / name
    if path.suffix == '.safetensors':
        safetensors.torch.save_file(TENSORS, path)
    else:
        torch.save(TENSORS, path, _use_new_zipfile_serialization=zipped)
    loaded = load_checkpoint(path)
    assert loaded
    assert (str(path) in Path('/proc/self/maps').read_text()) is mapped


def test_buffers_of_bytes_are_allowed(tmp_path: Path) -> None:
    content = {**TENSORS, 'net.n._extra_state': io.BytesIO(b'scales'), 'net.m._extra_state': None}
    torch.save(content, tmp_path / 'x.pt')
    loaded = load_checkpoint(tmp_path / 'x.pt')
    assert isinstance(loaded['net.n._extra_state'], io.BytesIO)


def test_a_checkpoint_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    torch.save({**TENSORS, 'x': Evil(tmp_path / 'ran')}, tmp_path / 'x.pt')
    with pytest.raises(WamError, match=r"contains 'posix\.mkdir'"):
        load_checkpoint(tmp_path / 'x.pt')
    assert not (tmp_path / 'ran').exists()


def test_embeddings_that_would_run_code_are_refused_and_run_nothing(tmp_path: Path) -> None:
    path = tmp_path / 'x.pkl'
    path.write_bytes(pickle.dumps({'fold': Evil(tmp_path / 'ran')}))
    with pytest.raises(WamError, match=r"contains 'posix\.mkdir'"):
        load_pickled_tensors(path)
    assert not (tmp_path / 'ran').exists()


def test_code_inside_a_pickled_tensor_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    """The bytes of a tensor are a file of torch.save themselves."""
    inner = io.BytesIO()
    torch.save(Evil(tmp_path / 'ran'), inner, _use_new_zipfile_serialization=False)

    class Nested:
        def __reduce__(self) -> tuple[object, tuple[bytes]]:
            return torch.storage._load_from_bytes, (inner.getvalue(),)

    path = tmp_path / 'x.pkl'
    path.write_bytes(pickle.dumps({'fold': Nested()}))
    with pytest.raises(WamError, match=r"contains 'posix\.mkdir'"):
        load_pickled_tensors(path)
    assert not (tmp_path / 'ran').exists()


def test_a_pickled_tensor_outside_of_its_memory_is_refused(tmp_path: Path) -> None:
    class Large:
        def __reduce__(self) -> tuple[object, tuple[object, ...]]:
            storage = torch.ones(4)._typed_storage()
            sizes = (1 << 40,), (1,)
            return torch._utils._rebuild_tensor_v2, (storage, 0, *sizes, False, {})

    path = tmp_path / 'x.pkl'
    path.write_bytes(pickle.dumps({'fold': Large()}))
    with pytest.raises(WamError, match='outside of its storage'):
        load_pickled_tensors(path)


@pytest.mark.parametrize('saved', ['pickle', 'torch'])
def test_pickled_tensors_are_read_either_way(tmp_path: Path, saved: str) -> None:
    path = tmp_path / 'x.pkl'
    whole = torch.arange(24.0).reshape(4, 6)
    content = {'fold': whole.to(torch.bfloat16), 'view': whole[1:3, ::2]}
    if saved == 'pickle':
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path)
    loaded = load_pickled_tensors(path)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in content.items())


@pytest.mark.parametrize('keep', [0, 1, 100, 700])
@pytest.mark.parametrize('name', ['x.pt', 'x.pkl', 'x.safetensors'])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, name: str, keep: int) -> None:
    path = tmp_path / name
    large = {'net.a': torch.ones(1000)}
    if name == 'x.pkl':
        path.write_bytes(pickle.dumps(large))
    elif name == 'x.pt':
        torch.save(large, path)
    else:
        safetensors.torch.save_file(large, path)
    path.write_bytes(path.read_bytes()[:keep])
    load = load_pickled_tensors if name == 'x.pkl' else load_checkpoint
    with pytest.raises(WamError, match=f'{name}: cannot be read as a checkpoint: .'):
        load(path)


@pytest.mark.parametrize('content', [[1, 2], {'a': 1}, {}, {1: torch.ones(2)}, 'text'])
def test_other_content_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / 'x.pt')
    with pytest.raises(WamError, match='tensors'):
        load_checkpoint(tmp_path / 'x.pt')


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WamError, match='No such file'):
        load_checkpoint(tmp_path / 'x.pt')


def test_written_tensors_are_what_safetensors_reads(tmp_path: Path) -> None:
    path = tmp_path / 'x.safetensors'
    content = {
        'transposed': torch.arange(6.0).reshape(2, 3).T,
        'scalar': torch.tensor(3.0),
        'bfloat16': torch.linspace(0, 1, 5).to(torch.bfloat16),
        'none': torch.ones(0, 4),
    }
    write_tensors(path, content)
    loaded = safetensors.torch.load_file(path)
    assert loaded.keys() == content.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in content.items())
    assert all(loaded[name].dtype == tensor.dtype for name, tensor in content.items())
    assert list(tmp_path.iterdir()) == [path]


def test_whole_numbers_are_no_weights(tmp_path: Path) -> None:
    with pytest.raises(WamError, match=r'a is of torch\.int64'):
        write_tensors(tmp_path / 'x', {'a': torch.tensor([1])})


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    with pytest.raises(WamError, match=r'x\.partial cannot be written'):
        write_tensors(tmp_path / 'nowhere' / 'x', TENSORS)
