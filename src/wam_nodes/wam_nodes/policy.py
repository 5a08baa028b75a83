"""Runs a policy on the newest observation, one inference at a time."""

import json
import sys
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import yaml
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from wam_msgs.msg import ActionChunk, PredictedFuture
from wam_msgs.srv import PredictChunk, ResetPolicy

from wam_bringup.config import load_policy, load_rig
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.options import parameter
from wam_core.policy import InferenceRequest, Observation, PolicyConfig
from wam_nodes.conversions import matrix, nanoseconds
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.observations import Observations
from wam_nodes.predictions import action_chunk, check, predicted_future
from wam_nodes.qos import EVERY
from wam_nodes.runner import run
from wam_nodes.worker import Worker
from wam_policy.registry import check_rig, load


@dataclass(frozen=True)
class Parameters:
    """Of config/policy.yaml."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    policy: str = parameter('hold', 'policy: a name in config/policies, or a path to a .yaml')
    options: str = parameter('', 'YAML mapping that overrides `options` of the policy file')
    observation_depth: int = parameter(64, 'observations kept of each kind', lower=2, upper=1000)
    observation_slop_s: float = parameter(
        0.02, 'largest distance of images and joints in one observation', unit='s',
        lower=0.001, upper=0.5,
    )  # fmt: skip
    observation_max_age_s: float = parameter(
        1.0, 'age of an observation at which it is refused', unit='s', lower=0.05, upper=60.0
    )


class PolicyNode(Node):
    """Observations and /policy/predict_chunk -> /action_chunk, /predicted_future."""

    def __init__(self) -> None:
        super().__init__('policy')
        parameters = declare(self, Parameters)
        self._max_age_ns = round(parameters.observation_max_age_s * 1e9)
        config = _with_options(load_policy(parameters.policy), parameters.options)
        check_rig(config.spec, load_rig(parameters.rig))
        self._policy = load(config)
        self._spec = self._policy.spec
        self._observations = Observations(
            self,
            self._spec,
            parameters.observation_depth,
            round(parameters.observation_slop_s * 1e9),
        )
        self._task: str | None = None  # that the policy was reset to
        self._inferring: int | None = None  # request that the worker is at
        self._resets = 0  # that wait for the worker, or that it is at
        self._started_anew = True  # nobody has reset it yet
        self._counts: Counter[str] = Counter()
        self._stage_ms: dict[str, float] = {}
        self._fault = ''  # newest since the last report
        self._worker = Worker(self)
        self._chunks = self.create_publisher(ActionChunk, '/action_chunk', EVERY)
        self._futures = self.create_publisher(PredictedFuture, '/predicted_future', EVERY)
        self.create_service(PredictChunk, '/policy/predict_chunk', self._predict)
        # Of its own group: while a reset waits for the worker, the other callbacks go on.
        self.create_service(
            ResetPolicy, '/policy/reset', self._reset, callback_group=ReentrantCallbackGroup()
        )
        Diagnostics(self, self._report)
        self.get_logger().info(f'ready: policy {self._spec.name}')

    def destroy_node(self) -> None:
        """Waits for the running inference: torch can't be torn down under it."""
        self._worker.close()
        super().destroy_node()

    @property
    def _busy(self) -> str:
        """What the worker does; empty: nothing."""
        if self._resets:
            return 'is being reset'
        return '' if self._inferring is None else f'infers request {self._inferring}'

    def _predict(
        self, request: PredictChunk.Request, response: PredictChunk.Response
    ) -> PredictChunk.Response:
        try:
            if self._started_anew:
                self._resume(request.task)
            observation, inference = self._prepare(request)
        except WamError as error:
            self._counts['requests refused'] += 1
            response.message = str(error)
            return response
        self._inferring = request.request_id
        future = self._worker.run(partial(self._infer, request, observation, inference))
        future.add_done_callback(partial(self._answer, request, observation.stamp_ns))
        response.accepted = True
        return response

    def _resume(self, task: str) -> None:
        """A process that was started again in the middle of a run learns its task from it."""
        self._started_anew = False
        self.get_logger().warning(f'asked before it was reset: resets itself to {task!r}')
        self._resets += 1
        future = self._worker.run(partial(self._policy.reset, task))
        future.add_done_callback(lambda done: self._reset_done(task, done.result()))

    def _reset_done(self, task: str, outcome: Any) -> str:
        """Why the reset failed; empty: it did not."""
        self._resets -= 1
        self._task = None
        if (error := outcome.exception()) is not None:
            return self._failed(f'reset to {task!r}', error)
        self._task = task
        return ''

    def _prepare(self, request: PredictChunk.Request) -> tuple[Observation, InferenceRequest]:
        """What the worker needs. Raises WamError when the request can't be served now."""
        if self._busy:
            raise WamError(f'busy: the policy {self._busy}')
        if request.task != self._task:
            raise WamError(f'task {request.task!r}, but the policy was reset to {self._task!r}')
        now_ns = self.get_clock().now().nanoseconds
        not_before_ns = nanoseconds(request.not_before)
        observation = self._observations.newest(not_before_ns, now_ns, self._max_age_ns)
        inference = InferenceRequest(
            request_id=request.request_id,
            task=request.task,
            mode=request.mode,
            prefix=matrix(request.prefix, request.prefix_rows, self._spec.action_dim),
            prefix_start_ns=nanoseconds(request.prefix_start),
        )
        return observation, inference

    def _infer(
        self, request: PredictChunk.Request, observation: Observation, inference: InferenceRequest
    ) -> tuple[ActionChunk, PredictedFuture | None]:
        """On the worker's thread, messages included: what can't be one is the policy's failure."""
        start = time.perf_counter()
        prediction = self._policy.infer(observation, inference)
        check(prediction, self._spec)
        total_ms = (time.perf_counter() - start) * 1e3
        stage_ms = {**prediction.stage_ms, 'total': total_ms}
        t_obs_ns = observation.stamp_ns
        return (
            action_chunk(request, self._spec, t_obs_ns, prediction, stage_ms),
            predicted_future(request, self._spec, t_obs_ns, prediction),
        )

    def _answer(self, request: PredictChunk.Request, t_obs_ns: int, future: Future) -> None:
        self._inferring = None
        outcome = future.result()
        if (error := outcome.exception()) is not None:
            self._counts['inferences failed'] += 1
            text = self._failed(f'request {request.request_id}', error)
            self._chunks.publish(action_chunk(request, self._spec, t_obs_ns, None, {}, text))
            return
        chunk, expected = outcome.result()
        self._counts['inferences'] += 1
        self._stage_ms = dict(zip(chunk.stage_names, chunk.stage_ms, strict=True))
        self._chunks.publish(chunk)
        if expected is not None:
            self._futures.publish(expected)

    async def _reset(
        self, request: ResetPolicy.Request, response: ResetPolicy.Response
    ) -> ResetPolicy.Response:
        response.policy = self._spec.name
        response.specification = json.dumps(asdict(self._spec))
        if request.policy not in ('', self._spec.name):
            response.message = f'policy {request.policy!r}, but {self._spec.name!r} is loaded'
            return response
        self._started_anew = False
        self._resets += 1
        outcome = await self._worker.run(partial(self._policy.reset, request.task))
        response.message = self._reset_done(request.task, outcome)
        response.accepted = not response.message
        return response

    def _failed(self, what: str, error: BaseException) -> str:
        """Logs what a policy raised; its text for the wire."""
        text = str(error) if isinstance(error, WamError) else f'{type(error).__name__}: {error}'
        self._fault = f'{what}: {text}'
        self.get_logger().error(self._fault)
        if not isinstance(error, WamError):
            self.get_logger().error(''.join(traceback.format_exception(error)))
        return text

    def _report(self) -> Report:
        faults = tuple(filter(None, (self._fault, self._observations.take_fault())))
        self._fault = ''
        stages = {f'{name} [ms]': f'{value:.1f}' for name, value in self._stage_ms.items()}
        state = {'policy': self._spec.name, 'task': self._task, 'busy': self._busy}
        counts = {**self._counts, **self._observations.ignored}
        return Report(faults, values={**state, **counts, **stages})


def _with_options(config: PolicyConfig, text: str) -> PolicyConfig:
    try:
        options: Any = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise WamError(f'parameter options = {text!r}: {error}') from error
    if not isinstance(options, dict):
        raise WamError(f'parameter options = {text!r}, expected a YAML mapping')
    return replace(config, options={**config.options, **options})


def main() -> int:
    """Runs the node."""
    # A policy in plain Python gives way to the callbacks after this long: 5 ms by default.
    sys.setswitchinterval(0.001)
    return run(PolicyNode)
