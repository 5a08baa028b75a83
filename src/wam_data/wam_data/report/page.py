"""A report as one HTML file: nothing in it is fetched, and nothing in it runs."""

import base64
import json
from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

import numpy as np

from wam_core.joints import ARM_JOINTS, GRIPPERS, JOINT_NAMES, SIDE_SLICES, SIDES
from wam_data.report.content import Content
from wam_data.report.facts import facts, no_pictures, stream_rows, title, verdict
from wam_data.report.style import STYLE
from wam_data.report.svg import Line, joint_plot, timeline

# Whatever the recording's texts hold: the browser loads nothing and runs nothing.
_POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(content: Content) -> str:
    """The whole file."""
    sections = (
        ('Timeline', [timeline(content)]),
        ('Pictures', _pictures(content)),
        ('Joints and grippers', _plots(content)),
        ('Streams', _streams(content)),
        ('Events', _events(content)),
        ('What ran', _details(content)),
    )
    name = escape(title(content))
    parts = [
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width">',
        f'<title>{name}</title><style>{STYLE}</style></head><body>',
        f'<h1>{name}</h1>',
        *_summary(content),
    ]
    for heading, body in sections:
        text = ''.join(body)
        if text:
            parts.append(f'<section><h2>{heading}</h2>{text}</section>')
    return ''.join((*parts, '</body></html>\n'))


def _summary(content: Content) -> Iterator[str]:
    outcome = content.manifest.outcome
    result = outcome.result if outcome else 'none'
    yield f'<p class="badge {result}">{escape(verdict(content))}</p><dl>'
    for name, value in facts(content):
        yield f'<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>'
    yield '</dl>'
    found = content.verification
    for kind, texts in (
        ('problem', found.problems),
        ('flaw', found.flaws),
        ('note', found.notes),
    ):
        for text in texts:
            yield f'<p class="finding {kind}"><b>{kind}</b> {escape(text)}</p>'


def _pictures(content: Content) -> Iterator[str]:
    for camera, shots in content.shots.items():
        yield f'<h3>{escape(camera)}</h3>'
        if not shots:
            yield f'<p>{no_pictures(content, camera)}</p>'
            continue
        yield '<div class="sheet">'
        for shot in shots:
            data = base64.b64encode(shot.jpeg).decode()
            about = f'{escape(camera)} at {shot.t_s:.1f} s'
            yield (
                f'<figure><img alt="{about}" src="data:image/jpeg;base64,{data}">'
                f'<figcaption>{shot.t_s:.1f} s</figcaption></figure>'
            )
        yield '</div>'


def _plots(content: Content) -> Iterator[str]:
    if not content.measured.t_s.size:
        return
    yield (
        '<p class="legend"><span class="requested">requested</span> '
        '<span class="sent">sent</span> <span class="measured">measured</span>; arms in rad, '
        'grippers 0 closed to 1 open; shaded: a person intervened</p><div class="plots">'
    )
    mean, largest = content.errors()
    for row in range(len(ARM_JOINTS) + 1):
        for side in SIDES:
            column = SIDE_SLICES[side].start + row
            lines = [
                Line(name, track.t_s, track.values[:, column])
                for name, track in (
                    ('requested', content.requested),
                    ('sent', content.sent),
                    ('measured', content.measured),
                )
            ]
            unit = '' if column in GRIPPERS else ' rad'
            error = ''
            if np.isfinite(mean[column]):
                error = f'measured - sent: rms {mean[column]:.3f}, max {largest[column]:.3f}{unit}'
            plot = joint_plot(lines, content.duration_s, content.interventions)
            name = JOINT_NAMES[column].replace('_', ' ')
            yield f'<figure><figcaption><b>{name}</b> {error}</figcaption>{plot}</figure>'
    yield '</div>'


def _streams(content: Content) -> Iterator[str]:
    heads, rows = stream_rows(content)
    yield from _table(heads, rows, numbers_from=1)


def _events(content: Content) -> Iterator[str]:
    if content.events:
        rows = [(f'{e.t_s:.2f}', e.node, e.kind, e.text) for e in content.events]
        yield from _table(('s', 'who', 'what', ''), rows, numbers_from=9)


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], numbers_from: int
) -> Iterator[str]:
    yield '<div class="wide"><table><tr>'
    yield from (f'<th>{escape(head)}</th>' for head in heads)
    yield '</tr>'
    for row in rows:
        cells = (
            f'<td{" class=number" if number >= numbers_from else ""}>{escape(cell)}</td>'
            for number, cell in enumerate(row)
        )
        yield f'<tr>{"".join(cells)}</tr>'
    yield '</table></div>'


def _details(content: Content) -> Iterator[str]:
    identity = content.manifest.identity
    for name, value in (
        ('policy options', identity.policy_options),
        ('policy specification', identity.policy_specification),
    ):
        if value:
            text = escape(json.dumps(value, indent=2))
            yield f'<details><summary>{name}</summary><pre>{text}</pre></details>'
