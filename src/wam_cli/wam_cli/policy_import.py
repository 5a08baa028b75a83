"""``wam policy import``: official Cosmos Policy files to a policy directory."""

import argparse
import sys
from datetime import date
from pathlib import Path

from wam_cli.usage import UsageError


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = (
        'Makes a policy directory of an official Cosmos Policy checkpoint: safetensors, the '
        'statistics, the text embeddings and one policy.yaml. Nothing in the files is executed. '
        'An import that was interrupted goes on where it was. PLACE: a file, a folder, or '
        'owner/name[@revision] on the Hugging Face hub.'
    )
    parser.add_argument('source', metavar='SOURCE', help='PLACE of the checkpoint')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='is made')
    for name, text in (
        ('planning', 'of a planning checkpoint, which judges candidates; planning is on then'),
        ('vae', 'of the Wan 2.1 VAE, if not in SOURCE; of a hub SOURCE it is downloaded'),
        ('statistics', 'of *_dataset_statistics.json, if not in SOURCE'),
        ('embeddings', 'of *_t5_embeddings.pkl, if not in SOURCE'),
    ):
        parser.add_argument(f'--{name}', default='', metavar='PLACE', help=f'PLACE {text}')
    parser.add_argument(
        '--preset', choices=('2b', 'tiny'), default='2b', help='sizes of the models (%(default)s)'
    )
    parser.add_argument(
        '--cameras',
        metavar='NAME,NAME,...',
        help='in the order of the checkpoint; without: that of the ALOHA checkpoints',
    )
    parser.add_argument('--horizon', type=int, help='rows of a chunk; without: 50, as ALOHA has')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Imports, saying on stderr what is done and what is dropped."""
    from wam_policy.cosmos.checkpoint.importer import Import, import_checkpoint
    from wam_policy.cosmos.checkpoint.policy_file import CAMERAS, HORIZON
    from wam_policy.cosmos.checkpoint.sources import Request, find_sources

    if arguments.horizon is not None and not 1 <= arguments.horizon <= 1000:
        raise UsageError(f'--horizon {arguments.horizon}, allowed: 1 to 1000')
    cameras = CAMERAS
    if arguments.cameras is not None:
        cameras = tuple(name.strip() for name in arguments.cameras.split(','))
    if not all(cameras) or len(set(cameras)) != len(cameras):
        raise UsageError(f'--cameras {arguments.cameras!r}, expected names, each once')

    def report(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    request = Request(
        arguments.source,
        arguments.vae,
        arguments.statistics,
        arguments.embeddings,
        arguments.planning,
    )
    target = Import(
        out=arguments.out,
        preset=arguments.preset,
        date=date.today().isoformat(),
        cameras=cameras,
        horizon=arguments.horizon or HORIZON,
    )
    import_checkpoint(find_sources(request, report), target, report)
    report(f'done; verify it with `./wam policy check {arguments.out}`')
    return 0
