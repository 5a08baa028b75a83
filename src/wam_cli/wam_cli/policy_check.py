"""``wam policy check``: verifies a Cosmos Policy."""

import argparse
import json
from dataclasses import asdict


def declare(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.description = (
        'Compares the files of a Cosmos Policy with the hashes of its import, their tensors with '
        'the sizes of the models, and runs both models once on a small input. Exit code 1: '
        'something is wrong.'
    )
    parser.add_argument(
        'policy', metavar='POLICY', help='a directory with a policy.yaml, or a name: cosmos:tiny'
    )
    parser.add_argument('--device', help='cpu, cuda, cuda:1, ...; without: that of the policy')
    parser.add_argument('--json', action='store_true', help='one JSON object instead of lines')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Prints each finding as it comes. Exit code 1 if one is bad."""
    from wam_bringup.config import load_policy
    from wam_policy.cosmos.check import check
    from wam_policy.cosmos.description import read_policy
    from wam_policy.cosmos.model import find_device

    options, layout = read_policy(load_policy(arguments.policy))
    device = str(find_device(arguments.device or options.model.device))
    findings = []
    for finding in check(options, layout, device):
        findings.append(finding)
        if not arguments.json:
            print(f'{"ok" if finding.ok else "BAD":3} {finding.what}: {finding.found}', flush=True)
    ok = all(finding.ok for finding in findings)
    if arguments.json:
        print(json.dumps({'ok': ok, 'checks': [asdict(finding) for finding in findings]}))
    return 0 if ok else 1
