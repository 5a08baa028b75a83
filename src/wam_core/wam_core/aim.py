"""What a source wants of the arms at one tick, and what a source is."""

from dataclasses import dataclass
from typing import Protocol

from wam_core.joints import Vector
from wam_core.requests import ChunkRequest, Matrix
from wam_core.spline import Motion


@dataclass(frozen=True)
class Aim:
    """requests: (3, 14) rad, grippers 0..1, for this tick and the next two.

    request_id, row: of the chunk and the fractional row that they come from; 0 and -1: none.
    homing: whether the rig's named poses are allowed where the limits are narrower.
    """

    requests: Matrix
    request_id: int = 0
    row: float = -1.0
    homing: bool = False

    @property
    def position(self) -> Vector:
        """(14,) for this tick."""
        position: Vector = self.requests[0]
        return position


class Source(Protocol):
    """Who has the arms. Times are ns on the ROS clock."""

    def follow(self, now_ns: int, command: Motion) -> Aim | None:
        """What it wants now; None: nothing, the arms come to rest.

        command: where the arms would be told to be now if nothing changed.
        """

    def rejoin(self, now_ns: int, command: Motion) -> None:
        """The arms were held meanwhile: what it wants from now on begins where they are."""

    def ask(self, now_ns: int) -> ChunkRequest | None:
        """The request to send to the policy now, if it is time for one."""

    def end(self) -> None:
        """It has the arms no more."""
