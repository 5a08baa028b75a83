"""What a rig publishes, as a process: ``python -m …recorder_load camera|arms … TOPIC [TOPIC …]``.

Prints ``ready`` when every topic has its subscribers, and sends one message on each again and
again: whoever waits to hear of a topic hears of it. A line on its standard input ends that, which
it confirms with ``quiet``; the next one says when to begin (ns on the system clock). It then sends
``--count`` messages on each topic, stamped with the moment at which each is due, and prints
``sent``. The end of its standard input ends that, too; it then prints one JSON list: of each
message its stamp and when it had gone out on all topics (ns on the system clock).
"""

import argparse
import json
import select
import struct
import sys
import time
from typing import Any, Final
from zlib import crc32

import numpy as np
import rclpy
from numpy.typing import NDArray
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import serialize_message
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image, JointState

_DISCOVERY_S: Final = 60.0
_ACKNOWLEDGE_S: Final = 60.0
_HEIGHT: Final = 480
_WIDTH: Final = 640
_PICTURES: Final = 8
_ROLL: Final = 7  # rows: no multiple of a JPEG's blocks
_NOISE: Final = 5.0  # standard deviation: a JPEG of quality 95 then has 110 kB
_STAMP: Final = struct.Struct('<iI')
_STAMP_AT: Final = 4  # behind the encapsulation
# As interbotix_xs_sdk names them; seven motors and what it derives of the gripper's.
_JOINTS: Final = (
    *('waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate'),
    *('gripper', 'left_finger', 'right_finger'),
)


def main() -> int:
    """Exit code 1 when no one subscribes within a minute."""
    args = _arguments()
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node('bench_load_' + args.topics[0].strip('/').replace('/', '_'))
    kind: Any = Image if args.kind == 'camera' else JointState
    qos = QoSProfile(depth=args.depth, reliability=ReliabilityPolicy.RELIABLE)
    publishers = [node.create_publisher(kind, topic, qos) for topic in args.topics]
    messages = pictures(args.topics[0]) if args.kind == 'camera' else [joints()]
    deadline = time.monotonic() + _DISCOVERY_S
    while any(each.get_subscription_count() < args.subscribers for each in publishers):
        if time.monotonic() > deadline:
            print(f'{args.topics}: no subscriber in {_DISCOVERY_S:g} s', file=sys.stderr)
            return 1
        time.sleep(0.02)
    print('ready', flush=True)
    while not select.select([sys.stdin], [], [], 0.2)[0]:
        for publisher in publishers:
            publisher.publish(messages[0])
    sys.stdin.readline()
    _wait_for_all(publishers)
    print('quiet', flush=True)
    published = _send(publishers, messages, args, int(sys.stdin.readline()))
    if len(published) == args.count:  # otherwise who would acknowledge them may be dead
        _wait_for_all(publishers)
        print('sent', flush=True)
    sys.stdin.read()
    print(json.dumps(published), flush=True)
    node.destroy_node()
    rclpy.shutdown()
    return 0


def _wait_for_all(publishers: list[Any]) -> None:
    for publisher in publishers:
        publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGE_S))


def pictures(camera: str) -> list[bytes]:
    """Serialized images of 480x640x3 with large shapes, edges and a sensor's noise."""
    random = np.random.default_rng(crc32(camera.encode()))
    return [bytes(serialize_message(_image(number, random))) for number in range(_PICTURES)]


def _image(number: int, random: np.random.Generator) -> Image:
    y, x = np.mgrid[:_HEIGHT, :_WIDTH]
    shapes: NDArray[np.float64] = np.stack(
        [
            128 + 80 * np.sin((x + 9 * number) / 40) + 20 * np.sin(y / 7),
            128 + 80 * np.cos((y - 9 * number) / 60),
            128 + 60 * np.sign(np.sin((x + y + 5 * number) / 90)),
        ],
        axis=-1,
    )
    noisy = shapes + random.normal(0.0, _NOISE, shapes.shape)
    image = Image(height=_HEIGHT, width=_WIDTH, encoding='rgb8', step=3 * _WIDTH)
    image.data = np.clip(noisy, 0, 255).astype(np.uint8).tobytes()
    return image


def stamped(message: bytes, stamp_ns: int, turn: int) -> bytes:
    """A serialized message with another stamp, its picture rolled by some rows ``turn`` times.

    No picture comes twice: a compressor of the recording would find it.
    """
    stamp = _STAMP.pack(*divmod(stamp_ns, 1_000_000_000))
    end = len(message) - turn * _ROLL % _HEIGHT * 3 * _WIDTH
    start = len(message) - _HEIGHT * 3 * _WIDTH if turn else end
    rest = _STAMP_AT + _STAMP.size
    return b''.join(
        (message[:_STAMP_AT], stamp, message[rest:start], message[end:], message[start:end])
    )


def joints() -> bytes:
    """A serialized state of an arm."""
    zeros = [0.0] * len(_JOINTS)
    state = JointState(name=list(_JOINTS), position=zeros, velocity=zeros, effort=zeros)
    return bytes(serialize_message(state))


def _send(
    publishers: list[Any], messages: list[bytes], args: argparse.Namespace, start_ns: int
) -> list[tuple[int, int]]:
    """Returns of each its stamp and when it had gone out on all topics; fewer if told to end."""
    published: list[tuple[int, int]] = []
    rolls = args.kind == 'camera'
    for number in range(args.count):
        due_ns = start_ns + round(number * 1e9 / args.rate_hz)
        time.sleep(max(0, due_ns - time.time_ns()) / 1e9)
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        # The moment that is due is the capture time, however late this process gets the processor.
        message = stamped(messages[number % len(messages)], due_ns, number if rolls else 0)
        for publisher in publishers:
            publisher.publish(message)
        published.append((due_ns, time.time_ns()))
    return published


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('kind', choices=('camera', 'arms'))
    parser.add_argument('--rate-hz', type=float, required=True)
    parser.add_argument('--count', type=int, required=True, help='of messages on each topic')
    parser.add_argument(
        '--subscribers', type=int, required=True, help='of each topic, to wait for'
    )
    parser.add_argument('--depth', type=int, default=10, help='of the history')
    parser.add_argument('topics', nargs='+')
    return parser.parse_args()


if __name__ == '__main__':
    sys.exit(main())
