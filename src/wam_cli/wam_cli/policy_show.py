"""``wam policy show``: explains a Cosmos Policy."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wam_core.errors import WamError

_LETTERS = {'given': 'given', 'generated': 'made', 'hidden': '-'}


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = (
        'Explains a Cosmos Policy: its latent sequence, sizes, network evaluations, instructions '
        'and files. Reads only; `wam policy check` verifies.'
    )
    parser.add_argument(
        'policy', metavar='POLICY', help='a directory with a policy.yaml, or a name: cosmos:tiny'
    )
    parser.add_argument('--json', action='store_true', help='one JSON object instead of a table')
    parser.add_argument(
        '--picture', type=Path, metavar='FILE.svg', help='also draw the latent sequence'
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints the description."""
    from wam_bringup.config import load_policy
    from wam_policy.cosmos.description import describe, read_policy
    from wam_policy.cosmos.sequence.picture import picture

    config = load_policy(arguments.policy)
    description = describe(config)
    print(json.dumps(description, indent=2) if arguments.json else text(description))
    if arguments.picture is not None:
        try:
            arguments.picture.write_text(picture(read_policy(config)[1]), encoding='utf-8')
        except OSError as error:
            raise WamError(f'{arguments.picture} cannot be written: {error}') from error
        print(f'written to {arguments.picture}', file=sys.stderr)
    return 0


def text(description: Mapping[str, Any]) -> str:
    """For people."""
    sequence, parameters = description['sequence'], description['parameters']
    work = description['evaluations']
    lines = [
        f'policy {description["policy"]}, preset {description["preset"]}: network of '
        f'{parameters["network"] / 1e6:.1f} million parameters, VAE of '
        f'{parameters["VAE"] / 1e6:.1f} million',
        f'latent sequence: {" x ".join(map(str, sequence["shape"]))} (channels, frames, height, '
        f'width), {sequence["tokens"]} tokens; {sequence["video_frames"]} frames of '
        f'{sequence["image_size"]} px for the VAE',
        '',
        *_table(description['frames']),
        '',
        f'each answer: {_count(work["candidates"], "candidate")}, {work["mode"]}, '
        f'{_count(work["runs"], "denoising run")}, '
        f'{_count(work["total"], "network evaluation")}, counted per sequence',
        *_weights('weights', description['weights']),
    ]
    if 'planning' in description:
        lines += _weights('planning checkpoint', description['planning'])
    return '\n'.join(lines)


def _count(number: int, noun: str) -> str:
    return f'{number} {noun}{"" if number == 1 else "s"}'


def _table(frames: list[dict[str, Any]]) -> list[str]:
    passes = list(frames[0]['roles'])
    rows = [['frame', 'kind', 'camera', 'content', *passes]]
    for frame in frames:
        roles = [_LETTERS[frame['roles'][name]] for name in passes]
        rows.append(
            [str(frame['index']), frame['kind'], frame['camera'], frame['content'], *roles]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        '  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _weights(title: str, weights: Mapping[str, Any]) -> list[str]:
    if not weights['directory']:
        return [f'{title}: random, seed {weights["random_seed"]}; any instruction']
    lines = [f'{title}: {weights["directory"]}, imported {weights["imported"]}']
    for name, record in weights['files'].items():
        lines.append(
            f'  {name}  {record["size"] / 1e6:.1f} MB  SHA-256 {record["sha256"]}  '
            f'from {record["source"]}'
        )
        for kind, count in record['dropped'].items():
            lines.append(f'    dropped {count} of {kind}')
    if 'normaliser' in weights:
        lines.append(f'statistics: SHA-256 of the numbers {weights["normaliser"]}')
        lines += ['instructions:', *(f'  {words}' for words in weights['instructions'])]
    return lines
