"""Whether an answer would reach whoever asks."""

from rclpy.node import Node


def reachable(node: Node, service: str) -> bool:
    """Whether every client of a service that was discovered as asking is known as listening too.

    The two are discovered apart. The middleware drops an answer to a client that it doesn't know
    as listening within 0.1 s, and clients of interbotix_xs_modules then wait for ever.
    service: absolute name. The names of the topics beneath are those of all DDS middlewares.
    """
    asking = node.get_publishers_info_by_topic(f'rq{service}Request', no_mangle=True)
    listening = node.get_subscriptions_info_by_topic(f'rr{service}Reply', no_mangle=True)
    return len(listening) >= len(asking)
