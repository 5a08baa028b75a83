"""docs/remote_policies.md and the shipped files have every option, with its default."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from wam_policy.remote.cosmos_http import RequestOptions
from wam_policy.remote.openpi import ReplyOptions
from wam_policy.remote.options import GripperOptions, ServerOptions

REPOSITORY = Path(__file__).resolve().parents[3]
DOCUMENT = (REPOSITORY / 'docs' / 'remote_policies.md').read_text()
SECTIONS: list[tuple[str, Any, tuple[str, ...]]] = [
    ('server', ServerOptions, ('cosmos_http', 'openpi')),
    ('gripper', GripperOptions, ('cosmos_http', 'openpi')),
    ('request', RequestOptions, ('cosmos_http',)),
    ('reply', ReplyOptions, ('openpi',)),
]


def shown(default: object) -> tuple[str, ...]:
    """How a default may stand in a table."""
    if isinstance(default, bool):
        return (str(default).lower(),)
    if isinstance(default, float):
        return (f'{default:g}',)
    return (f'`{default}`', str(default)) if default else ('none', '')


@pytest.mark.parametrize(('section', 'kind', 'files'), SECTIONS, ids=[row[0] for row in SECTIONS])
def test_every_option_is_in_the_document_and_in_the_files(
    section: str, kind: Any, files: tuple[str, ...]
) -> None:
    rows = [[cell.strip() for cell in line.split('|')] for line in DOCUMENT.splitlines()]
    table = {(row[1], row[2]) for row in rows if len(row) > 3}
    for entry in fields(kind):
        wanted = {(f'`{entry.name}`', text) for text in shown(entry.default)}
        assert wanted & table, entry.name
    for name in files:
        path = REPOSITORY / 'config' / 'policies' / f'{name}.yaml'
        written = yaml.safe_load(path.read_text())['options'][section]
        assert written.keys() == {entry.name for entry in fields(kind)}
        for entry in fields(kind):
            if entry.name != 'url':
                assert written[entry.name] == entry.default
