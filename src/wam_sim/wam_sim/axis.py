"""What a motor turns: the seam between motors and the physics of their joints."""

from typing import Protocol


class Axis(Protocol):
    """What a motor turns. Angles rad, velocities rad/s, torques Nm at the joint."""

    def position(self) -> float:
        """Present angle."""

    def velocity(self) -> float:
        """Present velocity."""

    def torque(self) -> float:
        """Torque that the motor applies."""

    def servo(self, position: float, stiffness: float, limit: float) -> None:
        """Position loop: towards ``position``, Nm/rad, with at most ``limit`` Nm."""

    def spin(self, velocity: float, limit: float) -> None:
        """Velocity loop, with at most ``limit`` Nm."""

    def push(self, torque: float, damping: float) -> None:
        """A torque, less ``damping`` Nm s/rad."""

    def limp(self) -> None:
        """No torque."""


class PlaceableAxis(Axis, Protocol):
    """A joint of a simulation: it can be put somewhere."""

    def place(self, angle: float) -> None:
        """Puts the joint at an angle, at rest."""
