"""New instructions through T5, where its 11 B checkpoint and ``transformers`` are at hand."""

import importlib
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.text import FEATURES, TOKENS

_FILES: Final = ('config.json', 'tokenizer.json')


class T5Embedder:
    """Embeds as cosmos-policy does (``predict2/inference/get_t5_emb.py``).

    directory: google-t5/t5-11b with config.json, tokenizer.json and weights; 19 GB of memory.
    The model is loaded at the first instruction and kept. Raises WamError for what is missing.
    """

    def __init__(self, directory: Path, device: torch.device | str = 'cpu') -> None:
        for name in _FILES:
            if not (directory / name).is_file():
                raise WamError(f'T5 directory {directory}: {name} is missing')
        try:
            self._transformers: Any = importlib.import_module('transformers')
        except ImportError as error:
            raise WamError(
                f'T5 directory {directory}: embedding instructions needs the package '
                f'transformers ({error}); pip install transformers'
            ) from error
        self._directory = directory
        self._device = torch.device(device)
        self._loaded: tuple[Any, Any] | None = None

    def __call__(self, instruction: str) -> Tensor:
        """(512, 1024), float32, on the CPU; zeros after the instruction's last token."""
        tokenizer, encoder = self._load()
        tokens = tokenizer(
            instruction,
            return_tensors='pt',
            truncation=True,
            padding='max_length',
            max_length=TOKENS,
        )
        mask = tokens.attention_mask.to(self._device)
        with torch.no_grad():
            states = encoder(
                input_ids=tokens.input_ids.to(self._device), attention_mask=mask
            ).last_hidden_state[0]
        embedding: Tensor = states.float().masked_fill(mask[0, :, None] == 0, 0.0)
        if embedding.shape[1] != FEATURES:
            raise WamError(
                f'T5 directory {self._directory}: a model with {embedding.shape[1]} features, '
                f'the network reads {FEATURES} (google-t5/t5-11b)'
            )
        return embedding.cpu()

    def _load(self) -> tuple[Any, Any]:
        if self._loaded is None:
            source = str(self._directory)
            try:
                tokenizer = self._transformers.AutoTokenizer.from_pretrained(
                    source, local_files_only=True
                )
                encoder = self._transformers.T5EncoderModel.from_pretrained(
                    source, local_files_only=True, dtype=torch.float32
                )
            except (OSError, ValueError) as error:  # transformers: what is missing or unreadable
                raise WamError(f'T5 directory {source}: {error}') from error
            self._loaded = tokenizer, encoder.to(self._device).eval()
        return self._loaded
