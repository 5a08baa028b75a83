"""What an episode is: what was run, by whom, with what; or where it was imported from."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from wam_core.errors import WamError
from wam_core.mapping import Section

KINDS: Final = ('rollout', 'demonstration', 'imported')
ADDED: Final[Mapping[str, object]] = {'kind': 'rollout', 'operator': '', 'policy_options': {}}
"""Keys that the oldest episodes lack, with what holds for these."""
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True)
class Identity:
    """What was run: known before the first message.

    kind: one of KINDS. operator: who teleoperates or supervises. policy_specification: the
    policy's PolicySpec. policy_options: what was laid over its file. mode: sync, async or rtc.
    seed: of the scene, -1: none. config_hash: of the installed config folder. stack_version: git
    describe, or the version of the package. Raises WamError for an unknown kind.
    """

    task: str
    task_name: str = ''
    policy: str = ''
    policy_specification: Mapping[str, object] = field(default_factory=dict)
    rig: str = ''
    mode: str = ''
    seed: int = -1
    config_hash: str = ''
    stack_version: str = ''
    kind: str = 'rollout'
    operator: str = ''
    policy_options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise WamError(f'kind {self.kind!r}, expected one of {list(KINDS)}')

    @property
    def policy_hash(self) -> str:
        """SHA-256 of the specification, keys sorted; empty without one."""
        if not self.policy_specification:
            return ''
        text = json.dumps(self.policy_specification, sort_keys=True, separators=(',', ':'))
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Origin:
    """Where an imported episode comes from.

    format: of the source, e.g. aloha_hdf5. path, episode: the file or folder, and which of its
    episodes. unknown: what such a file doesn't tell, e.g. stamps, outcome, efforts: the episode
    has a stand-in for it, or nothing.
    """

    format: str
    path: str
    episode: str = ''
    unknown: tuple[str, ...] = ()


def parse_identity(section: Section) -> Identity:
    """Of the contents of episode.json. Raises WamError with the source and the key."""
    names = ('task', 'task_name', 'operator', 'policy', 'rig', 'mode', 'config_hash')
    return Identity(
        **{name: section.text(name) for name in (*names, 'stack_version')},
        kind=section.text('kind', KINDS),
        policy_specification=section.section('policy_specification').values(),
        policy_options=section.section('policy_options').values(),
        seed=section.integer('seed', -1, _LARGEST),
    )


def parse_origin(section: Section) -> Origin:
    """Of key ``origin`` of episode.json. Raises WamError with the source and the key."""
    texts = {key: section.text(key) for key in ('format', 'path', 'episode')}
    origin = Origin(**texts, unknown=section.texts('unknown'))
    section.close()
    return origin
