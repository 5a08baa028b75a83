"""Simulated time on the wire."""

from typing import Final

from builtin_interfaces.msg import Time

_NS_PER_S: Final = 1_000_000_000


def stamp(time_ns: int) -> Time:
    """builtin_interfaces/Time of simulated nanoseconds."""
    return Time(sec=time_ns // _NS_PER_S, nanosec=time_ns % _NS_PER_S)
