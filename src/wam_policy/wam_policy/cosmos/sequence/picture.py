"""The latent sequence as an SVG picture, from the Layout itself. For light and dark pages."""

from html import escape
from typing import Final

from wam_policy.cosmos.sequence.layout import (
    TEMPORAL_COMPRESSION,
    Kind,
    Layout,
    Pass,
    first_pixel_frame,
)

# Between the luminances of a white page and a near-black one, so that both leave contrast.
_INK: Final = '#7d8590'
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
# px
_LEFT, _TOP, _WIDTH, _GAP, _HEAD, _ROW, _MARGIN = 160, 84, 90, 5, 112, 40, 16
_FILLS: Final = {
    Kind.BLANK: '#7d8590',
    Kind.PROPRIOCEPTION: '#2da44e',
    Kind.FUTURE_PROPRIOCEPTION: '#2da44e',
    Kind.IMAGE: '#388bfd',
    Kind.FUTURE_IMAGE: '#388bfd',
    Kind.ACTION: '#e0823d33',
    Kind.VALUE: '#a371f733',
}
_STYLES: Final = {
    'given': 'fill="#388bfd" fill-opacity="0.2" stroke="#388bfd"',
    'generated': 'fill="#e0823d" fill-opacity="0.2" stroke="#e0823d" stroke-dasharray="5 3"',
    'hidden': 'fill="none" stroke="#7d8590" stroke-dasharray="1 4"',
}


def picture(layout: Layout) -> str:
    """An SVG document: each latent frame, what is in it, and what each pass makes of it."""
    width = _LEFT + layout.frames * (_WIDTH + _GAP) + _MARGIN
    height = _TOP + _HEAD + _ROW + len(Pass) * (_ROW + _GAP) + 2 * _MARGIN
    size = layout.latent_size
    title = f'The latent sequence: {layout.frames} frames of 16 x {size} x {size}'
    parts = [
        _text(_MARGIN, 28, title, 'font-size="18" font-weight="600"'),
        _text(
            _MARGIN,
            52,
            f'Seen by the VAE as a video of {layout.pixel_frames} frames of {layout.image_size} x '
            f'{layout.image_size} px, by the network as {layout.tokens} tokens.',
        ),
        _text(_MARGIN, _TOP + 26, 'latent frame'),
        _text(_MARGIN, _TOP + _HEAD + 24, 'video frames'),
    ]
    for index in range(layout.frames):
        parts += _frame(layout, index)
    for row, purpose in enumerate(Pass):
        parts += _pass(layout, purpose, _TOP + _HEAD + _ROW + row * (_ROW + _GAP))
    body = '\n'.join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" font-family="{_FONT}" font-size="13" '
        f'fill="{_INK}">\n<title>{escape(title)}</title>\n{body}\n</svg>\n'
    )


def role(layout: Layout, purpose: Pass, index: int) -> str:
    """Of a frame in a pass: given, generated, or hidden (noise that nobody reads)."""
    if layout.clean(purpose)[index]:
        return 'given'
    only_value = purpose in (Pass.V_VALUE, Pass.Q_VALUE)
    return 'hidden' if only_value and index != layout.value else 'generated'


def content(layout: Layout, index: int) -> str:
    """What a frame's elements are."""
    kind = layout.slots[index].kind
    if kind in (Kind.IMAGE, Kind.FUTURE_IMAGE):
        return 'VAE latents'
    if kind is Kind.BLANK:
        return 'black image'
    if kind is Kind.VALUE:
        return '1 number'
    if kind is Kind.ACTION:
        copies = layout.frame_elements // layout.action_size
        return f'{layout.horizon} x {layout.action_dim}, {copies} copies'
    return f'{layout.state_dim}, {layout.frame_elements // layout.state_dim} copies'


def _frame(layout: Layout, index: int) -> list[str]:
    slot, left = layout.slots[index], _left(index)
    name, _, rest = slot.kind.value.partition(' ')
    if not rest and len(name) > 12:
        name, rest = f'{name[:7]}-', name[7:]  # proprio-ception
    elif len(rest) > 12:
        rest = f'{rest[:7]}.'
    what, _, copies = content(layout, index).partition(', ')
    middle = left + _WIDTH // 2
    first = first_pixel_frame(index)
    last = first + (TEMPORAL_COMPRESSION - 1 if index else 0)
    style = f'fill="{_FILLS[slot.kind]}" fill-opacity="0.15" stroke="{_INK}" rx="6"'
    lines = (
        (22, str(index), 'font-size="15" font-weight="600"'),
        (42, name, ''),
        (58, rest, ''),
        (74, slot.camera.removeprefix('cam_').replace('_', ' '), 'font-weight="600"'),
        (92, what, 'font-size="11"'),
        (106, copies, 'font-size="11"'),
    )
    return [
        _box(left, _TOP, _WIDTH, _HEAD, style),
        *(
            _text(middle, _TOP + down, text, f'text-anchor="middle" {more}')
            for down, text, more in lines
            if text
        ),
        _text(
            middle,
            _TOP + _HEAD + 24,
            f'{first}' if first == last else f'{first} to {last}',
            'text-anchor="middle"',
        ),
    ]


def _pass(layout: Layout, purpose: Pass, top: int) -> list[str]:
    parts = [_text(_MARGIN, top + 25, f'pass: {purpose.value}', 'font-weight="600"')]
    for index in range(layout.frames):
        word = role(layout, purpose, index)
        parts.append(_box(_left(index), top, _WIDTH, _ROW, f'{_STYLES[word]} rx="6"'))
        parts.append(_text(_left(index) + _WIDTH // 2, top + 25, word, 'text-anchor="middle"'))
    return parts


def _left(index: int) -> int:
    return _LEFT + index * (_WIDTH + _GAP)


def _text(x: int, y: int, text: str, style: str = '') -> str:
    return f'<text x="{x}" y="{y}" {style}>{escape(text)}</text>'


def _box(x: int, y: int, width: int, height: int, style: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" {style}/>'
