"""What the files of both remote policies state about the server, and who may ask it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from wam_core.errors import WamError
from wam_core.gripper_scale import SCALES
from wam_core.mapping import Section
from wam_core.options import parameter, read

Options = TypeVar('Options')


@dataclass(frozen=True)
class ServerOptions:
    """Section ``server`` of ``options``."""

    url: str = parameter('', 'of the server')
    token_file: str = parameter('', 'file whose first line is the token; empty: none is sent')
    connect_timeout_s: float = parameter(
        5.0, 'until there is a connection', unit='s', lower=0.05, upper=60.0
    )
    reply_timeout_s: float = parameter(
        20.0, 'from the request to the end of the reply', unit='s', lower=0.05, upper=600.0
    )
    backoff_s: float = parameter(
        0.1, 'wait after a failure; doubles with each more', unit='s', lower=0.001, upper=10.0
    )  # fmt: skip
    backoff_limit_s: float = parameter(
        2.0, 'longest of these waits', unit='s', lower=0.001, upper=60.0
    )
    reply_limit_mb: int = parameter(
        64, 'largest reply that is read', unit='MB', lower=1, upper=1024
    )


@dataclass(frozen=True)
class GripperOptions:
    """Section ``gripper`` of ``options``: what 0 to 1 is linear in, on the server's side."""

    state: str = parameter(
        'finger', 'finger: the finger\'s position, as ALOHA records it; angle: the motor\'s',
        allowed=SCALES,
    )  # fmt: skip
    action: str = parameter(
        'angle', 'angle: as ALOHA records it; finger: policies of gym-aloha', allowed=SCALES
    )


def read_part(kind: type[Options], section: Section, name: str) -> Options:
    """A section of ``section``; all defaults where it is left out. Raises WamError."""
    if name not in section:
        return kind()
    return read(kind, section.section(name))


def read_token(path: str, directory: str = '') -> str:
    """The first line of a token file; '' for the path ''. directory: where relative paths start.

    Raises WamError naming the file for one that can't be read or holds no token.
    """
    if not path:
        return ''
    file = Path(directory) / Path(path).expanduser()
    try:
        line = next(iter(file.read_text(encoding='ascii').splitlines()), '').strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WamError(f'token file {file}: cannot be read: {error}') from error
    if not line.isprintable() or ' ' in line or len(line) < 16:
        raise WamError(
            f'token file {file}: the first line has {len(line)} characters, expected a token of '
            'at least 16 without spaces (for instance of: openssl rand -hex 32)'
        )
    return line
