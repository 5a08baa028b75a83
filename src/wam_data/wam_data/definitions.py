"""Message definitions as a recording embeds them, collected from the installed packages."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from wam_core.errors import WamError

SEPARATOR: Final = '=' * 80
"""Between a definition and those that it depends on (MCAP well-known encodings, ros2msg)."""

_PRIMITIVES: Final = frozenset(
    ['bool', 'byte', 'char', 'float32', 'float64', 'string', 'wstring']
    + [f'{sign}int{bits}' for sign in ('', 'u') for bits in (8, 16, 32, 64)]
)
_HEADER: Final = re.compile(r'\s*std_msgs/(msg/)?Header\s+\w+')


@dataclass(frozen=True)
class Definition:
    """One message type: ``name`` is package/msg/Type.

    text: ros2msg text followed by that of every type it depends on.
    digest: RIHS01 type hash; empty on distributions that have none (Humble).
    stamped: whether its first field is a std_msgs/Header.
    """

    name: str
    text: str
    digest: str
    stamped: bool


def _share(package: str) -> Path:
    # ROS packages from wheels lie in the virtual environment: an ament prefix that
    # AMENT_PREFIX_PATH need not name.
    wheel = Path(sys.prefix) / 'share' / package
    try:
        return Path(get_package_share_directory(package))
    except PackageNotFoundError as error:
        if (wheel / 'msg').is_dir():
            return wheel
        raise WamError(
            f'package {package!r} is not installed, so its messages cannot be recorded; '
            'source the workspace that builds it'
        ) from error


class Definitions:
    """Collects and keeps definitions. ``share`` finds a package's share directory."""

    def __init__(self, share: Callable[[str], Path] = _share) -> None:
        self._share = share
        self._texts: dict[str, str] = {}
        self._found: dict[str, Definition] = {}

    def find(self, name: str) -> Definition:
        """The definition of package/msg/Type. Raises WamError where it is not installed."""
        if name not in self._found:
            text = self._text(name)
            parts = [text]
            for other in self._closure(name):
                package, _, kind = other.split('/')
                parts.append(f'{SEPARATOR}\nMSG: {package}/{kind}\n{self._text(other)}')
            self._found[name] = Definition(
                name, '\n'.join(parts), self._digest(name), _first_is_header(text)
            )
        return self._found[name]

    def _closure(self, name: str) -> list[str]:
        """Types that ``name`` depends on, itself excluded, in order of appearance."""
        order: list[str] = []
        pending = [name]
        while pending:
            current = pending.pop(0)
            for other in dependencies(current, self._text(current)):
                if other not in order and other != name:
                    order.append(other)
                    pending.append(other)
        return order

    def _path(self, name: str, suffix: str) -> Path:
        parts = name.split('/')
        if len(parts) != 3 or parts[1] != 'msg':
            raise WamError(f'message type {name!r}, expected package/msg/Type')
        return self._share(parts[0]) / 'msg' / f'{parts[2]}{suffix}'

    def _text(self, name: str) -> str:
        if name not in self._texts:
            path = self._path(name, '.msg')
            try:
                self._texts[name] = path.read_text(encoding='utf-8').rstrip('\n') + '\n'
            except (OSError, UnicodeDecodeError) as error:
                raise WamError(f'{name}: its definition {path} cannot be read: {error}') from error
        return self._texts[name]

    def _digest(self, name: str) -> str:
        path = self._path(name, '.json')
        if not path.exists():
            return ''
        try:
            hashes = json.loads(path.read_text(encoding='utf-8'))['type_hashes']
            return str(next(h['hash_string'] for h in hashes if h['type_name'] == name))
        except (OSError, ValueError, KeyError, TypeError, StopIteration) as error:
            raise WamError(f'{path}: no type hash of {name}: {error!r}') from error


def dependencies(name: str, text: str) -> Iterator[str]:
    """Types (package/msg/Type) of the fields of a ros2msg text that aren't primitive."""
    package = name.split('/', maxsplit=1)[0]
    for line in text.splitlines():
        words = line.split('#', maxsplit=1)[0].split()
        if not words:
            continue
        kind = re.split(r'[\[<]', words[0], maxsplit=1)[0]
        if kind in _PRIMITIVES:
            continue
        parts = kind.split('/')
        yield f'{parts[0] if len(parts) > 1 else package}/msg/{parts[-1]}'


def _first_is_header(text: str) -> bool:
    lines = (line.split('#', maxsplit=1)[0].strip() for line in text.splitlines())
    fields = (line for line in lines if line and '=' not in line)
    return _HEADER.match(next(fields, '')) is not None
