"""A policy node in a process, and everything around it."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from wam_msgs.msg import ActionChunk, FrameSet, PredictedFuture, Proprioception
from wam_msgs.srv import PredictChunk, ResetPolicy

from wam_nodes.conversions import frame_set, time_message

FAULT_POLICY = Path(__file__).resolve().parent / 'integration' / 'fault_policy'
CAMERAS = ('cam_high', 'cam_left_wrist')
POSITION = np.linspace(-0.5, 0.5, 14)
POLICY_FILE = """
policy: {policy}
cameras: [{cameras}]
image: {{height: 8, width: 6, resampling: pil_bicubic}}
horizon: 10
dt_s: 0.04
options: {options}
"""


def policy_file(
    folder: Path, policy: str = 'fault', options: str = '{}', cameras: tuple[str, ...] = CAMERAS
) -> str:
    path = folder / 'testing.yaml'
    text = POLICY_FILE.format(policy=policy, options=options, cameras=', '.join(cameras))
    path.write_text(text, encoding='utf-8')
    return str(path)


class Bench:
    """A running policy node and everything around it. watched: somebody looks at the future."""

    def __init__(self, ros: Any, options: str = '{}', *, watched: bool = True) -> None:
        self.ros = ros
        self.process = start(ros, policy=policy_file(ros.folder, options=options))
        self.frames = ros.node.create_publisher(FrameSet, '/frame_set', 2)
        self.states = ros.node.create_publisher(Proprioception, '/proprioception', 10)
        self.chunks: list[ActionChunk] = ros.collect(ActionChunk, '/action_chunk')
        self.futures: list[PredictedFuture] = (
            ros.collect(PredictedFuture, '/predicted_future') if watched else []
        )
        ros.wait(lambda: 'ready' in self.process.output, what='ready')
        ros.wait(
            lambda: (
                self.frames.get_subscription_count()
                and self.states.get_subscription_count()
                and ros.node.count_publishers('/action_chunk')
                and (ros.node.count_publishers('/predicted_future') or not watched)
            ),
            what='discovery',
        )

    def observe(self, stamp_ns: int | None = None) -> int:
        """Sends one observation; its stamp."""
        if stamp_ns is None:
            stamp_ns = self.ros.node.get_clock().now().nanoseconds
        state = Proprioception(position=POSITION)
        state.header.stamp = time_message(stamp_ns)
        self.states.publish(state)
        images = np.full((2, 8, 6, 3), 3, np.uint8)
        self.frames.publish(frame_set(CAMERAS, [stamp_ns, stamp_ns + 1], images))
        return stamp_ns

    def reset(self, task: str, policy: str = '') -> Any:
        return self.ros.call(
            ResetPolicy, '/policy/reset', ResetPolicy.Request(task=task, policy=policy)
        )

    def ask(self, request_id: int, task: str, not_before_ns: int = 0) -> Any:
        request = PredictChunk.Request(
            request_id=request_id,
            generation=2,
            task=task,
            mode='async',
            not_before=time_message(not_before_ns),
        )
        return self.ros.call(PredictChunk, '/policy/predict_chunk', request)

    def begin(self, request_id: int, task: str) -> None:
        """Has a request on a fresh observation accepted."""

        def accepted() -> bool:
            self.observe()
            return bool(self.ask(request_id, task).accepted)

        self.ros.wait(accepted, what='an accepted request')

    def predict(self, request_id: int, task: str) -> ActionChunk:
        """The chunk that answers a request on a fresh observation."""
        self.begin(request_id, task)
        self.ros.wait(lambda: any(chunk.request_id == request_id for chunk in self.chunks))
        return next(chunk for chunk in self.chunks if chunk.request_id == request_id)


def start(ros: Any, **params: Any) -> Any:
    path = os.pathsep.join([str(FAULT_POLICY), os.environ.get('PYTHONPATH', '')])
    return ros.start('wam_nodes', 'policy', params, environment={'PYTHONPATH': path})


def levels(diagnostics: list[DiagnosticArray], text: str) -> list[tuple[Any, bool]]:
    """The levels that were reported, and whether with that text."""
    return [
        (status.level, text in status.message) for array in diagnostics for status in array.status
    ]
