"""Finds the official files: in a folder, or in a repository of the Hugging Face hub."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wam_core.errors import WamError

# Names as released (source: the repositories of the models on the hub), best first.
_NETWORKS: Final = ('*.pt', '*.safetensors')
_STATISTICS: Final = ('*_dataset_statistics.json', 'dataset_statistics.json')
_EMBEDDINGS: Final = ('*_t5_embeddings.pkl', 't5_embeddings.pkl')
_VAES: Final = (
    'tokenizer.pth',
    'tokenizer/tokenizer.pth',
    'vae/diffusion_pytorch_model.safetensors',
    'diffusion_pytorch_model.safetensors',
    'vae.safetensors',
    'Wan2.1_VAE.pth',
)
# The VAE of every Cosmos Policy checkpoint, in a repository without a gate.
DEFAULT_VAE: Final = 'Wan-AI/Wan2.1-T2V-1.3B-Diffusers'
_HUB_ID: Final = re.compile(r'[\w.-]+/[\w.-]+(@[\w.-]+)?')
_SHARDS: Final = '*.distcp'


@dataclass(frozen=True)
class Sources:
    """The files to import. planning: of a second network, None: none."""

    network: Path
    vae: Path
    statistics: Path
    embeddings: Path
    planning: Path | None = None


@dataclass(frozen=True)
class Request:
    """Where to look; each a file, a folder or a hub id. Empty: in ``source``.

    vae: empty and not in ``source``: DEFAULT_VAE where ``source`` is a hub id, else refused.
    planning: empty: no planning checkpoint.
    """

    source: str
    vae: str = ''
    statistics: str = ''
    embeddings: str = ''
    planning: str = ''


def find_sources(request: Request, report: Callable[[str], None]) -> Sources:
    """Downloads what is on the hub and finds every file.

    report: told what is downloaded. Raises WamError naming what is missing and where it looked.
    """
    root = _resolve(request.source, (*_NETWORKS[:1], *_STATISTICS, *_EMBEDDINGS, *_VAES), report)

    def find(given: str, what: str, patterns: tuple[str, ...], option: str) -> Path:
        folder = _resolve(given, patterns, report) if given else _folder(root)
        return _one(folder, what, patterns, option)

    planning = None
    if request.planning:
        folder = _resolve(request.planning, _NETWORKS[:1], report)
        planning = _network(folder, '--planning')
    return Sources(
        _network(root, 'SOURCE'),
        find(_vae_source(request, root), 'VAE', _VAES, '--vae'),
        find(request.statistics, 'statistics', _STATISTICS, '--statistics'),
        find(request.embeddings, 'text embeddings', _EMBEDDINGS, '--embeddings'),
        planning,
    )


def _vae_source(request: Request, root: Path) -> str:
    remote = not Path(request.source).exists()
    if request.vae or not remote or any(_matches(root, _VAES)):
        return request.vae
    return DEFAULT_VAE


def _network(root: Path, option: str) -> Path:
    if root.is_dir():
        shards = [root / 'model', root]
        for folder in shards:
            if any(folder.glob(_SHARDS)):
                raise WamError(
                    f'{folder} is a distributed checkpoint ({_SHARDS}), expected one .pt file; '
                    'PyTorch converts it: `python -m torch.distributed.checkpoint.format_utils '
                    f'dcp_to_torch {folder} model.pt`'
                )
    return _one(root, 'network', _NETWORKS, option)


def _one(root: Path, what: str, patterns: tuple[str, ...], option: str) -> Path:
    """The file itself, or the only match of the first pattern that has any."""
    if root.is_file():
        return root
    for pattern in patterns:
        found = list(_matches(root, (pattern,)))
        if what == 'network':
            found = [path for path in found if path.name not in _VAES]
        if len(found) > 1:
            raise WamError(
                f'{root} has {len(found)} files for the {what}: {[path.name for path in found]}; '
                f'name one ({option})'
            )
        if found:
            return found[0]
    raise WamError(
        f'{root} has no file for the {what}, expected one of {list(patterns)}; '
        f'name another place ({option})'
    )


def _matches(root: Path, patterns: Iterable[str]) -> Iterable[Path]:
    if root.is_dir():
        for pattern in patterns:
            yield from sorted(path for path in root.glob(pattern) if path.is_file())


def _folder(root: Path) -> Path:
    return root.parent if root.is_file() else root


def _resolve(place: str, patterns: Iterable[str], report: Callable[[str], None]) -> Path:
    """A local path as it is; of a hub id the folder that it was downloaded to."""
    path = Path(place).expanduser()
    if path.exists():
        return path
    if not _HUB_ID.fullmatch(place):
        raise WamError(
            f'{place}: no such file or folder, and no id on the Hugging Face hub '
            '(owner/name or owner/name@revision)'
        )
    return _download(place, list(patterns), report)


def _download(place: str, patterns: list[str], report: Callable[[str], None]) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    name, _, revision = place.partition('@')
    report(f'looking for {name} on the Hugging Face hub')
    try:
        return Path(snapshot_download(name, revision=revision or None, allow_patterns=patterns))
    except GatedRepoError as error:
        raise WamError(
            f'{place}: its owner grants access on request: accept the terms at '
            f'https://huggingface.co/{name}, then log in with `hf auth login`'
        ) from error
    except RepositoryNotFoundError as error:
        raise WamError(
            f'{place}: neither a file or folder here nor a repository on the hub that you may '
            'see (a private one needs `hf auth login`)'
        ) from error
    except _hub_errors() as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise WamError(
            f'{place}: not here, and the Hugging Face hub did not give it: {reason}'
        ) from error


def _hub_errors() -> tuple[type[Exception], ...]:
    """What a download may raise, beside an OSError or, for a bad id, a ValueError."""
    from huggingface_hub import errors

    # The base of its own errors is that of its HTTP library, which depends on its version.
    library = errors.HfHubHTTPError.__bases__[0]
    # Not in every version.
    others = ('RevisionResolutionError', 'XetDownloadError')
    named = [getattr(errors, name) for name in others if hasattr(errors, name)]
    return (OSError, ValueError, library, *named)
