"""A camera as a process of its own: ``python -m wam_cli.benches.camera --topic … --frames …``.

Prints ``ready`` when someone subscribes to it, reads from its standard input when to begin (ns on
the system clock), publishes, prints ``sent`` when every subscriber has acknowledged every image,
and ends when its standard input does.
"""

import argparse
import array
import sys
import time

import rclpy
from builtin_interfaces.msg import Time
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import Image

_DISCOVERY_S = 60.0
_ACKNOWLEDGE_S = 20.0


def main() -> int:
    """Exit code 1 when no one subscribes within a minute."""
    args = _arguments()
    # A signal ends this process at once: its parent has nothing to lose by that.
    rclpy.init(args=[], signal_handler_options=SignalHandlerOptions.NO)
    node = Node('bench_camera_' + args.topic.strip('/').replace('/', '_'))
    reliability = ReliabilityPolicy.BEST_EFFORT if args.best_effort else ReliabilityPolicy.RELIABLE
    publisher = node.create_publisher(
        Image, args.topic, QoSProfile(depth=10, reliability=reliability)
    )
    deadline = time.monotonic() + _DISCOVERY_S
    while publisher.get_subscription_count() < args.subscribers:
        if time.monotonic() > deadline:
            print(f'{args.topic}: no subscriber within {_DISCOVERY_S:g} s', file=sys.stderr)
            return 1
        time.sleep(0.02)
    print('ready', flush=True)
    _publish(publisher, args, int(sys.stdin.readline()))
    publisher.wait_for_all_acked(Duration(seconds=_ACKNOWLEDGE_S))
    print('sent', flush=True)
    # Best effort has no acknowledgement: the last images are safe once the parent has counted.
    sys.stdin.read()
    node.destroy_node()
    rclpy.shutdown()
    return 0


def _publish(publisher: object, args: argparse.Namespace, start_ns: int) -> None:
    image = Image(height=args.height, width=args.width, encoding='rgb8', step=args.width * 3)
    image.data = array.array('B', bytes(args.height * args.width * 3))
    publish = publisher.publish  # type: ignore[attr-defined]  # rclpy has no types
    for number in range(args.frames):
        due_ns = start_ns + round(number * 1e9 / args.rate_hz)
        time.sleep(max(0, due_ns - time.time_ns()) / 1e9)
        # Cameras that are triggered at once: the moment that is due is the capture time, however
        # late this process gets the processor.
        sec, nanosec = divmod(due_ns, 1_000_000_000)
        image.header.stamp = Time(sec=sec, nanosec=nanosec)
        image.header.frame_id = str(number)
        publish(image)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--topic', required=True)
    parser.add_argument('--frames', type=int, required=True)
    parser.add_argument('--rate-hz', type=float, required=True)
    parser.add_argument('--height', type=int, default=480, help='pixels')
    parser.add_argument('--width', type=int, default=640, help='pixels')
    parser.add_argument('--subscribers', type=int, default=1, help='to wait for')
    parser.add_argument('--best-effort', action='store_true')
    return parser.parse_args()


if __name__ == '__main__':
    sys.exit(main())
