"""What a server of ours says about its policy and answers, and whether a client's spec agrees."""

from collections.abc import Mapping
from typing import Any, Final

from wam_core.errors import WamError
from wam_core.policy import PolicySpec

# A key that no other server of either protocol has: theirs may mean something else by `horizon`.
KEY: Final = 'wam_policy'
_NOTE_LENGTH: Final = 1000  # characters of a note that are taken over


def statement(spec: PolicySpec) -> dict[str, object]:
    """Under KEY, what a client has to know."""
    return {
        KEY: {
            'name': spec.name,
            'cameras': list(spec.cameras),
            'image_size': [spec.image_height, spec.image_width],
            'horizon': spec.horizon,
            'dt_s': spec.dt_ns / 1e9,
            'action_dim': spec.action_dim,
            'state_dim': spec.state_dim,
        }
    }


def note_of(reply: Mapping[Any, Any]) -> str:
    """What a reply says about itself, for people; '' where it says nothing."""
    note = reply.get('note')
    if not isinstance(note, str):
        return ''
    return ''.join(sign if sign.isprintable() else ' ' for sign in note[:_NOTE_LENGTH])


def check_statement(content: object, spec: PolicySpec, server: str) -> None:
    """Refuses a server whose policy answers otherwise than the client's file says: WamError.

    Servers that state nothing are not refused: their replies are checked, but dt_s can't be.
    """
    stated = content.get(KEY) if isinstance(content, Mapping) else None
    if not isinstance(stated, Mapping):
        return
    ours: dict[str, Any] = {
        'horizon': spec.horizon,
        'dt_s': spec.dt_ns / 1e9,
        'action_dim': spec.action_dim,
        'state_dim': spec.state_dim,
    }
    for key, value in ours.items():
        if key in stated and stated[key] != value:
            raise WamError(
                f'{server}: its policy {stated.get("name")!r} has {key} {stated[key]!r}, the file '
                f'of policy {spec.name!r} says {value!r}'
            )
    cameras = stated.get('cameras')
    missing = [name for name in cameras if name not in spec.cameras] if (
        isinstance(cameras, list)
    ) else []  # fmt: skip
    if missing:
        raise WamError(
            f'{server}: its policy {stated.get("name")!r} needs camera {missing[0]!r}, the file '
            f'of policy {spec.name!r} has {list(spec.cameras)}'
        )
