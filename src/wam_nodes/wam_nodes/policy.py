"""Runs a policy on the newest observation, one inference at a time."""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Final

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from wam_msgs.msg import ActionChunk, PredictedFuture
from wam_msgs.srv import PredictChunk, ResetPolicy

from wam_bringup.config import load_policy, load_rig, read_options
from wam_bringup.node_spec import REFUSED
from wam_bringup.parameters import declare
from wam_core.errors import WamError
from wam_core.options import parameter
from wam_core.policy import InferenceRequest, Observation, Prediction
from wam_nodes.conversions import matrix, nanoseconds
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.observations import Observations
from wam_nodes.policy_account import PolicyAccount
from wam_nodes.policy_loading import leave, load_on
from wam_nodes.predictions import (
    action_chunk,
    check,
    check_images,
    foresees,
    predicted_future,
)
from wam_nodes.qos import EVERY
from wam_nodes.runner import run
from wam_nodes.worker import Worker
from wam_policy.registry import check_rig

_END_S: Final = 5.0  # less than any launcher gives a process to end

# The message from a prediction, its images and the milliseconds that they took.
Tell = Callable[..., PredictedFuture]


@dataclass(frozen=True)
class Parameters:
    """Of config/policy.yaml."""

    rig: str = parameter('sim', 'rig: a name in config/rigs, or a path that ends in .yaml')
    policy: str = parameter(
        'hold', 'policy: a name in config/policies, a path that ends in .yaml, or a directory'
    )
    options: str = parameter('', 'YAML mapping over `options` of the policy file')
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
        config = load_policy(parameters.policy, parameters.options)
        # YAML has dates, JSON hasn't.
        self._options = json.dumps(read_options(parameters.options), default=str)
        rig = load_rig(parameters.rig)
        check_rig(config.spec, rig)
        self._spec = config.spec
        self._task: str | None = None  # that the policy was reset to
        self._inferring: int | None = None  # request that the worker is at, or that is queued
        self._queued: tuple[PredictChunk.Request, int] | None = None  # and its t_obs_ns
        self._decoding = False
        self._resets: list[tuple[str, Future]] = []  # that wait for the worker, or that it is at
        self._started_anew = True  # nobody has reset it yet
        self._account = PolicyAccount(self)
        self._worker = Worker(self)
        self._observations: Observations | None = None  # not while the policy is loaded
        self._diagnostics = Diagnostics(self, self._report)
        self._policy = load_on(self._worker, self, config, self._loading)
        self._account.loading_s = None
        self._spec = self._policy.spec
        check_rig(self._spec, rig)
        self._observations = Observations(
            self,
            self._spec,
            parameters.observation_depth,
            round(parameters.observation_slop_s * 1e9),
        )
        self._chunks = self.create_publisher(ActionChunk, '/action_chunk', EVERY)
        self._futures = self.create_publisher(PredictedFuture, '/predicted_future', EVERY)
        self.create_service(PredictChunk, '/policy/predict_chunk', self._predict)
        # Of its own group: while a reset waits for the worker, the other callbacks go on.
        self.create_service(
            ResetPolicy, '/policy/reset', self._reset, callback_group=ReentrantCallbackGroup()
        )
        self.get_logger().info(f'ready: policy {self._spec.name}')

    def destroy_node(self) -> None:
        """Waits for the running inference: torch can't be torn down under it."""
        told = not self.context.ok()
        if not self._worker.close(_END_S if told else None):
            leave(self)
        super().destroy_node()

    def _loading(self, seconds: float) -> None:
        self._account.loading_s = seconds
        self._diagnostics.publish()

    @property
    def _busy(self) -> str:
        """What the worker does; empty: nothing that a request would have to wait for."""
        if self._resets:
            return 'is being reset'
        return '' if self._inferring is None else f'infers request {self._inferring}'

    def _predict(
        self, request: PredictChunk.Request, response: PredictChunk.Response
    ) -> PredictChunk.Response:
        try:
            if self._started_anew:
                self._started_anew = False
                text = f'asked before it was reset: resets itself to {request.task!r}'
                self.get_logger().warning(text)
                self._begin_reset(request.task)
            self._serve(request)
        except WamError as error:
            self._account.refused()
            response.message = str(error)
            return response
        response.accepted = True
        return response

    def _serve(self, request: PredictChunk.Request) -> None:
        """Starts it, or queues it behind images that are being decoded.

        Raises WamError when it can't be served now.
        """
        if self._busy:
            raise WamError(f'busy: the policy {self._busy}')
        observation = self._observe(request)
        inference = self._inference(request)
        self._inferring = request.request_id
        if self._decoding:
            self._queued = request, observation.stamp_ns
            return
        future = self._worker.run(partial(self._infer, request, observation, inference))
        future.add_done_callback(partial(self._answer, request, observation.stamp_ns))

    def _observe(self, request: PredictChunk.Request) -> Observation:
        """What to infer from. Raises WamError when the request can't be served now."""
        if request.task != self._task:
            raise WamError(f'task {request.task!r}, but the policy was reset to {self._task!r}')
        assert self._observations is not None
        now_ns = self.get_clock().now().nanoseconds
        return self._observations.newest(nanoseconds(request.not_before), now_ns, self._max_age_ns)

    def _inference(self, request: PredictChunk.Request) -> InferenceRequest:
        return InferenceRequest(
            request_id=request.request_id,
            task=request.task,
            mode=request.mode,
            prefix=matrix(request.prefix, request.prefix_rows, self._spec.action_dim),
            prefix_start_ns=nanoseconds(request.prefix_start),
        )

    def _infer(
        self, request: PredictChunk.Request, observation: Observation, inference: InferenceRequest
    ) -> tuple[ActionChunk, Prediction]:
        """On the worker's thread, messages included: what can't be one is the policy's failure."""
        start = time.perf_counter()
        prediction = self._policy.infer(observation, inference)
        check(prediction, self._spec)
        total_ms = (time.perf_counter() - start) * 1e3
        stage_ms = {**prediction.stage_ms, 'total': total_ms}
        chunk = action_chunk(request, self._spec, observation.stamp_ns, prediction, stage_ms)
        return chunk, prediction

    def _answer(self, request: PredictChunk.Request, t_obs_ns: int, future: Future) -> None:
        self._inferring = None
        outcome = future.result()
        if (error := outcome.exception()) is not None:
            self._refuse(request, t_obs_ns, error)
            return
        chunk, prediction = outcome.result()
        self._chunks.publish(chunk)
        stage_ms = dict(zip(chunk.stage_names, chunk.stage_ms, strict=True))
        self._account.answered(prediction, stage_ms)
        if foresees(prediction):
            self._decoding = True
            wanted = self._futures.get_subscription_count() > 0
            tell = partial(predicted_future, request.request_id, self._spec, t_obs_ns)
            decoded = self._worker.run(partial(self._decode, tell, prediction, wanted))
            decoded.add_done_callback(partial(self._foresee, tell, prediction))

    def _refuse(self, request: PredictChunk.Request, t_obs_ns: int, error: BaseException) -> None:
        """An answer without rows, so that the executor knows that it need not wait for one."""
        text = self._account.failed('inferences failed', f'request {request.request_id}', error)
        self._chunks.publish(action_chunk(request, self._spec, t_obs_ns, None, {}, text))
        self._diagnostics.publish()

    def _decode(self, tell: Tell, prediction: Prediction, wanted: bool) -> PredictedFuture:
        """On the worker's thread. Images take long, and the chunk is with the executor already."""
        if prediction.decode_images is None or not wanted:
            return tell(prediction)
        start = time.perf_counter()
        images = prediction.decode_images()
        check_images(images, prediction, self._spec)
        return tell(prediction, images, (time.perf_counter() - start) * 1e3)

    def _foresee(self, tell: Tell, prediction: Prediction, future: Future) -> None:
        """Publishes what is expected, and goes on with the request that came meanwhile."""
        self._decoding = False
        outcome = future.result()
        if (error := outcome.exception()) is not None:
            text = self._account.decoding_failed('images of the future', error)
            note = '; '.join(filter(None, (prediction.note, f'no images: {text}')))
            self._futures.publish(tell(replace(prediction, note=note)))
        else:
            self._account.decoded(outcome.result().decode_ms)
            self._futures.publish(outcome.result())
        if self._queued is None:
            return
        (request, t_obs_ns), self._queued, self._inferring = self._queued, None, None
        try:
            self._serve(request)  # on an observation newer than when it came
        except WamError as refusal:
            self._refuse(request, t_obs_ns, refusal)

    def _begin_reset(self, task: str) -> Future:
        """Resolves to why the reset failed; empty: it did not."""
        if self._resets and self._resets[-1][0] == task:
            return self._resets[-1][1]  # asked again, since it takes its time
        answer = Future()
        self._resets.append((task, answer))
        done = self._worker.run(partial(self._policy.reset, task))
        done.add_done_callback(partial(self._end_reset, task, answer))
        return answer

    def _end_reset(self, task: str, answer: Future, done: Future) -> None:
        del self._resets[0]
        self._task = None
        if (error := done.result().exception()) is not None:
            answer.set_result(self._account.failed('', f'reset to {task!r}', error))
            return
        self._task = task
        self._account.ready()
        answer.set_result('')

    async def _reset(
        self, request: ResetPolicy.Request, response: ResetPolicy.Response
    ) -> ResetPolicy.Response:
        response.policy = self._spec.name
        response.specification = json.dumps(asdict(self._spec))
        response.options = self._options
        if request.policy not in ('', self._spec.name):
            response.message = f'policy {request.policy!r}, but {self._spec.name!r} is loaded'
            return response
        self._started_anew = False
        response.message = await self._begin_reset(request.task)
        response.accepted = not response.message
        return response

    def _report(self) -> Report:
        observations = Report()
        if self._observations is not None:
            fault = self._observations.take_fault()
            observations = Report((fault,) if fault else (), values=self._observations.ignored)
        return self._account.report(self._spec.name, self._task, self._busy, observations)


def main() -> int:
    """Runs the node."""
    # A policy in plain Python gives way to the callbacks after this long: 5 ms by default.
    sys.setswitchinterval(0.001)
    code = run(PolicyNode)
    if code == REFUSED:
        # Taking PyTorch down takes Python seconds, half a minute on a busy machine: by then a
        # rollout has given up waiting for the service, and says that instead of the reason.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code
