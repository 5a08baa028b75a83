"""Finds policies by entry point and checks that a policy fits a rig."""

from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final, cast

from wam_core.errors import WamError
from wam_core.joints import DIM
from wam_core.rig import RigSpec
from wam_policy.ensembling import EnsemblingPolicy
from wam_policy.policy import Policy, PolicyConfig, PolicySpec

GROUP: Final = 'wam.policies'


def available() -> list[str]:
    """Names of the installed policies."""
    return sorted(_installed())


def load(config: PolicyConfig) -> Policy:
    """Builds the policy of ``config.entry_point``, ensembling where that is configured.

    Raises WamError for a name that is not installed, with those that are, and for an import that
    fails. The policy itself raises WamError for options that it does not accept.
    """
    installed = _installed()
    if config.entry_point not in installed:
        raise WamError(
            f'policy {config.spec.name!r}: unknown entry point {config.entry_point!r} in the '
            f'group {GROUP!r}, expected one of {sorted(installed)} '
            f'(key `policy` of {config.source or "its file"})'
        )
    entry = installed[config.entry_point]
    try:
        factory = entry.load()
    except (ImportError, AttributeError) as error:
        raise WamError(
            f'policy {config.spec.name!r}: {entry.value} cannot be imported: {error}'
        ) from error
    policy = cast(Callable[[PolicyConfig], Policy], factory)(config)
    if config.ensembling is not None:
        return EnsemblingPolicy(policy, config.ensembling)
    return policy


def check_rig(spec: PolicySpec, rig: RigSpec) -> None:
    """Refuses a policy that does not fit the rig: WamError with both sides."""
    missing = [camera for camera in spec.cameras if camera not in rig.cameras]
    if missing:
        raise WamError(
            f'policy {spec.name!r} needs camera {missing[0]!r} (of {list(spec.cameras)}), '
            f'rig {rig.name!r} has {sorted(rig.cameras)}'
        )
    for what, dimension in (('state_dim', spec.state_dim), ('action_dim', spec.action_dim)):
        if dimension != DIM:
            raise WamError(
                f'policy {spec.name!r} has {what} {dimension}, rig {rig.name!r} has {DIM}: '
                f'7 for each arm of {sorted(rig.followers.values())}'
            )
    if spec.privileged and not rig.simulated:
        raise WamError(
            f'policy {spec.name!r} needs the object poses of a simulator (privileged), '
            f'rig {rig.name!r} is not simulated'
        )


def _installed() -> Mapping[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}
