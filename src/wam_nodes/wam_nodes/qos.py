"""Quality of service by purpose. Both ends of every arrow of the stack use the same one."""

from typing import Final

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

# Ten messages wait for a slow subscriber; a message that got lost is sent again.
EVERY: Final = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)

# One message per control tick, each of which the recording needs: they are kept for seconds, until
# a recorder that was kept from running has them. Subscribers take them with EVERY.
EVERY_TICK: Final = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)

# Large messages of which only the newest matter: a deep queue would only add delay.
NEWEST: Final = QoSProfile(depth=2, reliability=ReliabilityPolicy.RELIABLE)

# A subscriber that comes late gets the last message at once.
LATCHED: Final = QoSProfile(
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
