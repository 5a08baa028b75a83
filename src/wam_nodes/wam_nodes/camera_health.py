"""Watches the cameras of camera_sync and reports on /diagnostics."""

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from rclpy.clock import Clock, ClockType
from rclpy.node import Node

from wam_core.frame_matching import FrameMatcher
from wam_nodes.camera_image import CheckedImages
from wam_nodes.camera_statistics import CameraStatistics
from wam_nodes.conversions import nanoseconds
from wam_nodes.diagnostics import Diagnostics, Report
from wam_nodes.stall_watch import StallWatch
from wam_nodes.stream_status import StreamStatusPublisher

_CHECKS_PER_PERIOD: Final = 4  # a stall is told three checks late at most: before the next frame
_LOG_PERIOD_S: Final = 5.0
_AHEAD_NS: Final = 1_000_000_000  # above any error between the clocks of machines of one rig
_NEVER: Final = -1.0
_START_NS: Final = 5_000_000_000  # what a camera driver takes to start; before that, no alarm


class CameraHealth:
    """Counts, rates and ages of each camera; tells at once when a camera stalls or comes back."""

    def __init__(
        self,
        node: Node,
        cameras: Mapping[str, CheckedImages],
        matcher: FrameMatcher[Any],
        period_ns: int,
    ) -> None:
        """cameras: name -> its images. period_ns: of the fastest camera."""
        self._node = node
        self._cameras = cameras
        self._matcher = matcher
        self._statistics = CameraStatistics(list(cameras))
        self._arrived: Counter[str] = Counter()
        self._watch = StallWatch(late_ns=period_ns)
        self._stalled: tuple[str, ...] = ()
        self._first_ns: int | None = None
        self._refused_before = 0
        self._diagnostics = Diagnostics(node, self._report)
        StreamStatusPublisher(node, 'camera', self._newest)
        for camera, source in cameras.items():
            source.registerCallback(self._received, camera)
        # Frames are overdue by the ROS clock: a paused simulation has no stalled cameras. But
        # whether this process itself is on time, only a steady clock can tell.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        node.create_timer(period_ns / _CHECKS_PER_PERIOD / 1e9, self._check, clock=steady)

    def resized(self, camera: str, seconds: float) -> None:
        """Tells how long the conversion and resizing of one frame took."""
        self._statistics.resize_ms[camera].add(seconds * 1e3)

    def matched(self, reference_ns: int, spread_ns: int) -> None:
        """Tells of a published set."""
        self._statistics.sets.add(reference_ns)
        self._statistics.spread_ms.add(spread_ns / 1e6)

    def _received(self, image: Any, camera: str) -> None:
        self._arrived[camera] += 1
        self._statistics.frames[camera].add(nanoseconds(image.header.stamp))

    def _now_ns(self) -> int:
        return int(self._node.get_clock().now().nanoseconds)

    def _check(self) -> None:
        now_ns = self._now_ns()
        if now_ns == 0:  # nothing has come on /clock yet
            return
        overdue = self._find_overdue(now_ns)
        stalled = self._watch.check(overdue, self._arrived, time.monotonic_ns())
        if stalled == self._stalled:
            return
        back = [camera for camera in self._stalled if camera not in stalled]
        self._stalled = stalled
        if stalled:
            self._node.get_logger().error(_stall_text(stalled))
        if back:
            self._node.get_logger().info(f'images again from {", ".join(back)}')
        self._diagnostics.publish()

    def _find_overdue(self, now_ns: int) -> tuple[str, ...]:
        overdue = self._matcher.stalled(now_ns)
        if self._first_ns is None or now_ns < self._first_ns:
            self._first_ns = now_ns
        if now_ns - self._first_ns > _START_NS:
            return overdue
        waiting = self._never_seen()
        return tuple(camera for camera in overdue if camera not in waiting)

    def _never_seen(self) -> list[str]:
        counts = self._matcher.counts
        return [camera for camera in counts if counts[camera].last_stamp_ns is None]

    def _newest(self) -> dict[str, int | None]:
        counts = self._matcher.counts
        return {camera: counts[camera].last_stamp_ns for camera in counts}

    def _report(self) -> Report:
        now_ns = self._now_ns()
        statistics, spread = self._statistics, self._statistics.spread_ms
        values: dict[str, object] = {
            'rate_hz': f'{statistics.sets.hz(now_ns):.2f}',
            'spread_ms_p50': f'{spread.p50():.3f}',
            'spread_ms_max': f'{spread.max():.3f}',
            'clock_resets': self._matcher.resets,
        }
        faults = self._refusals()
        faults += [f'no image yet from {camera}' for camera in self._never_seen()]
        for camera, counts in self._matcher.counts.items():
            last_ns = counts.last_stamp_ns
            age_ms = _NEVER if last_ns is None else (now_ns - last_ns) / 1e6
            if last_ns is not None and last_ns - now_ns > _AHEAD_NS:
                faults.append(f'{camera} stamps {-age_ms / 1e3:.1f} s ahead of the ROS clock')
            of_camera = {
                'rate_hz': f'{statistics.frames[camera].hz(now_ns):.2f}',
                'age_ms': f'{age_ms:.1f}',
                'received': counts.received,
                'matched': counts.matched,
                'dropped': counts.dropped,
                'late': counts.late,
                'duplicate': counts.duplicate,
                'missing': counts.missing,
                'refused': self._cameras[camera].refused.total(),
                'resize_ms': f'{statistics.resize_ms[camera].p50():.3f}',
            }
            values.update({f'{camera}/{key}': value for key, value in of_camera.items()})
        errors = (_stall_text(self._stalled),) if self._stalled else ()
        return Report(faults=tuple(faults), errors=errors, values=values)

    def _refusals(self) -> list[str]:
        """What was wrong with images that came since the last report."""
        total = sum(images.refused.total() for images in self._cameras.values())
        news = total > self._refused_before
        self._refused_before = total
        if not news:
            return []
        refused = [
            f'{camera}: {images.refused.total()} images refused, the last for {images.last_fault}'
            for camera, images in self._cameras.items()
            if images.last_fault
        ]
        for text in refused:
            self._node.get_logger().warning(text, throttle_duration_sec=_LOG_PERIOD_S)
        return refused


def _stall_text(cameras: tuple[str, ...]) -> str:
    return f'stalled: {", ".join(cameras)} (no image for three frame periods)'
