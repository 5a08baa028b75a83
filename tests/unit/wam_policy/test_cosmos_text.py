"""Text embeddings in files, at random, and from T5 where it is installed."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.t5 import T5Embedder
from wam_policy.cosmos.sequence.text import (
    FEATURES,
    TOKENS,
    TextEmbeddings,
    random_embeddings,
    read_embeddings,
    write_embeddings,
)


def noise(seed: int) -> torch.Tensor:
    return torch.randn((TOKENS, FEATURES), generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / 'text_embeddings.safetensors'


def test_a_file_gives_back_what_was_written(path: Path) -> None:
    known = {'put candy in bag': noise(1).bfloat16(), 'fold "the" shirt, é': noise(2)}
    write_embeddings(path, known)
    read = read_embeddings(path)
    assert read.instructions == ('put candy in bag', 'fold "the" shirt, é')
    for name, tensor in known.items():
        found = read.embedding(name)
        assert found.dtype == torch.bfloat16
        assert torch.equal(found, tensor.bfloat16())


def test_an_unknown_instruction_is_refused_listing_the_known_ones(path: Path) -> None:
    write_embeddings(path, {'fold shirt': noise(1), 'put candy in bag': noise(2)})
    with pytest.raises(
        WamError, match=r"'fold trousers' has no .* known: \['fold shirt', 'put candy in bag'\]"
    ):
        read_embeddings(path).embedding('fold trousers')


def test_an_unknown_instruction_is_embedded_once_where_that_is_possible(path: Path) -> None:
    write_embeddings(path, {'fold shirt': noise(1)})
    asked = []

    def embed(instruction: str) -> torch.Tensor:
        asked.append(instruction)
        return noise(7)

    embeddings = read_embeddings(path, embed)
    assert torch.equal(embeddings.embedding('fold shirt'), noise(1).bfloat16())
    assert torch.equal(embeddings.embedding('wave'), noise(7).bfloat16())
    assert torch.equal(embeddings.embedding('wave'), noise(7).bfloat16())
    assert asked == ['wave']
    assert embeddings.instructions == ('fold shirt', 'wave')


def test_random_embeddings_depend_on_instruction_and_seed_only() -> None:
    first = random_embeddings(3).embedding('fold shirt')
    again = random_embeddings(3)
    again.embedding('something else')
    assert torch.equal(again.embedding('fold shirt'), first)
    assert first.shape == (TOKENS, FEATURES)
    assert not torch.equal(again.embedding('Fold shirt'), first)
    assert not torch.equal(random_embeddings(4).embedding('fold shirt'), first)


@pytest.mark.parametrize(
    ('tensor', 'message'),
    [
        (torch.zeros(1, TOKENS, FEATURES), r'has shape \(1, 512, 1024\)'),
        (torch.zeros(TOKENS, FEATURES, dtype=torch.int32), r'type torch.int32'),
        (torch.full((TOKENS, FEATURES), torch.nan), r'not finite'),
    ],
)
def test_other_tensors_are_refused_naming_their_instruction(
    path: Path, tensor: torch.Tensor, message: str
) -> None:
    with pytest.raises(WamError, match=rf"safetensors: 'wave' .*{message}"):
        write_embeddings(path, {'wave': tensor})
    assert not path.exists()
    save_file({'0': tensor}, path, metadata={'instructions': '["wave"]'})
    with pytest.raises(WamError, match=rf"safetensors: 'wave' .*{message}"):
        read_embeddings(path)
    with pytest.raises(WamError, match=message):
        TextEmbeddings({}, lambda _: tensor).embedding('wave')


@pytest.mark.parametrize(
    ('metadata', 'message'),
    [
        (None, r"hold no JSON list 'instructions'"),
        ({'instructions': '['}, r"hold no JSON list 'instructions'"),
        ({'instructions': '"fold"'}, r"instructions = 'fold', expected a list"),
        ({'instructions': '[1]'}, r'instructions = \[1\], expected a list of texts'),
        ({'instructions': '["a", "a"]'}, r'each instruction once'),
        ({'instructions': '["a", "b"]'}, r"tensors \['1'\] do not fit its index of 2"),
        ({'instructions': '[]'}, r"tensors \['0'\] do not fit its index of 0"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(
    path: Path, metadata: dict[str, str] | None, message: str
) -> None:
    save_file({'0': noise(1)}, path, metadata=metadata)
    with pytest.raises(WamError, match=rf'text_embeddings\.safetensors: .*{message}'):
        read_embeddings(path)


def test_a_truncated_or_missing_file_is_refused(path: Path) -> None:
    with pytest.raises(WamError, match=r'text_embeddings.safetensors: not a readable'):
        read_embeddings(path)
    write_embeddings(path, {'fold shirt': noise(1)})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(WamError, match=r'text_embeddings.safetensors: not a readable'):
        read_embeddings(path)


class _Transformers:
    """The three calls of the transformers package that are used."""

    def __init__(self, features: int = FEATURES) -> None:
        self.features = features
        self.loaded: list[str] = []
        self.missing: OSError | None = None
        self.AutoTokenizer = SimpleNamespace(from_pretrained=self._tokenizer)
        self.T5EncoderModel = SimpleNamespace(from_pretrained=self._encoder)

    def _tokenizer(self, source: str, local_files_only: bool) -> Any:
        assert local_files_only
        if self.missing:
            raise self.missing
        self.loaded.append(source)
        return self._tokens

    def _tokens(
        self, text: str, return_tensors: str, truncation: bool, padding: str, max_length: int
    ) -> Any:
        assert (return_tensors, truncation, padding, max_length) == ('pt', True, 'max_length', 512)
        mask = (torch.arange(max_length) < len(text)).long()[None]
        return SimpleNamespace(input_ids=mask * 5, attention_mask=mask)

    def _encoder(self, source: str, local_files_only: bool, dtype: torch.dtype) -> Any:
        assert local_files_only
        assert dtype == torch.float32

        class Encoder(torch.nn.Module):
            def forward(_, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:  # noqa: N805
                states = torch.full((1, TOKENS, self.features), 3.0) * input_ids[..., None]
                states[attention_mask == 0] = torch.nan  # what nobody may see
                return SimpleNamespace(last_hidden_state=states)

        return Encoder()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    for name in ('config.json', 'tokenizer.json'):
        (tmp_path / name).write_text(json.dumps({}))
    return tmp_path


@pytest.fixture
def transformers(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Transformers]:
    package = _Transformers()
    monkeypatch.setitem(sys.modules, 'transformers', package)
    yield package


def test_t5_is_loaded_once_and_zeros_follow_the_instruction(
    directory: Path, transformers: _Transformers
) -> None:
    embedder = T5Embedder(directory)
    assert not transformers.loaded
    found = embedder('wave')
    assert torch.equal(found[:4], torch.full((4, FEATURES), 15.0))
    assert torch.equal(found[4:], torch.zeros(TOKENS - 4, FEATURES))
    assert TextEmbeddings({}, embedder).embedding('bow').dtype == torch.bfloat16
    assert transformers.loaded == [str(directory)]


def test_a_t5_of_another_size_is_refused(directory: Path, transformers: _Transformers) -> None:
    transformers.features = 512
    with pytest.raises(WamError, match=r'512 features, the network reads 1024 \(google-t5/t5-11b'):
        T5Embedder(directory)('wave')


def test_what_a_t5_directory_lacks_is_named(directory: Path, transformers: _Transformers) -> None:
    transformers.missing = OSError('no pytorch_model.bin')
    with pytest.raises(WamError, match=r'T5 directory .*: no pytorch_model.bin'):
        T5Embedder(directory)('wave')
    (directory / 'tokenizer.json').unlink()
    with pytest.raises(WamError, match=r'T5 directory .*: tokenizer.json is missing'):
        T5Embedder(directory)


def test_t5_without_its_package_says_what_to_install(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, 'transformers', None)
    with pytest.raises(WamError, match=r'needs the package transformers .*pip install'):
        T5Embedder(directory)
