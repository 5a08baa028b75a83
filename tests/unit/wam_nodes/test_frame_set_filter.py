from typing import Any

from builtin_interfaces.msg import Time
from message_filters import SimpleFilter
from sensor_msgs.msg import Image

from wam_core.frame_matching import FrameMatcher
from wam_nodes.frame_set_filter import FrameSetFilter

MS = 1_000_000
CAMERAS = ('high', 'left', 'right')


def image(stamp_ms: int, name: str = '') -> Any:
    message = Image()
    message.header.stamp = Time(sec=stamp_ms // 1000, nanosec=stamp_ms % 1000 * MS)
    message.header.frame_id = name
    return message


def make() -> tuple[dict[str, Any], FrameSetFilter, list[tuple[Any, ...]]]:
    inputs = {camera: SimpleFilter() for camera in CAMERAS}
    sets = FrameSetFilter(inputs, FrameMatcher[Any](CAMERAS, 10 * MS, 8, 33 * MS))
    outputs: list[tuple[Any, ...]] = []
    sets.registerCallback(lambda *images: outputs.append(images))
    return inputs, sets, outputs


def test_gives_one_message_per_camera_in_order_whatever_the_arrival() -> None:
    inputs, _, outputs = make()
    images = {camera: image(1000 + 3 * i, camera) for i, camera in enumerate(CAMERAS)}
    for camera in ('right', 'high', 'left'):
        inputs[camera].signalMessage(images[camera])
    assert len(outputs) == 1
    assert all(got is images[camera] for got, camera in zip(outputs[0], CAMERAS, strict=True))


def test_frames_further_apart_than_the_slop_are_no_set() -> None:
    inputs, sets, outputs = make()
    for camera, stamp_ms in zip(CAMERAS, (1000, 1005, 1011), strict=True):
        inputs[camera].signalMessage(image(stamp_ms))
    assert outputs == []
    assert sets.matcher.counts['high'].dropped == 1


def test_composes_as_an_input_and_an_output_of_other_filters() -> None:
    inputs, sets, _ = make()
    seen: list[Any] = []

    class First(SimpleFilter):  # passes on the first camera's image of each set
        def __init__(self, source: Any) -> None:
            super().__init__()
            source.registerCallback(lambda *images: self.signalMessage(images[0]))

    first = First(sets)
    second = FrameSetFilter({'first': first}, FrameMatcher[Any](('first',), 0, 2, 33 * MS))
    second.registerCallback(seen.append)
    for camera in CAMERAS:
        inputs[camera].signalMessage(image(2000, camera))
    assert [message.header.frame_id for message in seen] == ['high']
