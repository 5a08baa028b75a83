"""What the requests to the recorder say, checked."""

import json
from typing import Any

from wam_core.errors import WamError
from wam_data.manifest import Identity, Outcome


def identity(request: Any, rig: str, config_hash: str, stack_version: str) -> Identity:
    """Of a StartEpisode request, and of the recorder itself. Raises WamError."""
    try:
        specification = json.loads(request.policy_specification or '{}')
        json.dumps(specification, allow_nan=False)  # Python reads NaN, which isn't JSON
    except (ValueError, RecursionError) as error:  # the latter: nested thousands deep
        raise WamError(f'policy_specification is not JSON: {error}') from error
    if not isinstance(specification, dict):
        raise WamError(f'policy_specification {specification!r}, expected a JSON object')
    return Identity(
        task=request.task,
        task_name=request.task_name,
        policy=request.policy,
        policy_specification=specification,
        rig=rig,
        mode=request.mode,
        seed=max(-1, request.seed),
        config_hash=config_hash,
        stack_version=stack_version,
    )


def outcome(request: Any) -> Outcome:
    """Of a StopEpisode or LabelEpisode request. Raises WamError."""
    stages = tuple(request.stages)
    return Outcome(request.outcome, request.score, stages, request.note, request.by)
