"""ALOHA's HDF5 files whose grippers rest half open, by the formulas of its own software."""

import math
from pathlib import Path

import foreign_data
import h5py
import numpy as np

from wam_core.joints import GRIPPERS

# Motor closed and open (rad), finger closed and open (m): constants.py of tonyzhaozh/aloha
# (PUPPET_*) and of Interbotix/aloha (FOLLOWER_*).
CONSTANTS = {
    'finger': (-0.6213, 1.4910, 0.01844, 0.05800),
    'finger_ros2': (0.6197, 1.6214, 0.0440, 0.0579),
}
HORN_M, ARM_M = 0.022, 0.036
OPENINGS = np.array([0.25, 0.5, 0.75])
EACH = 40  # rows at 50 Hz: 0.8 s


def measured(opening: float, scale: str) -> float:
    """Formula of interbotix_xs_driver, convert_angular_position_to_linear, then ALOHA's own."""
    closed, opened_, closed_m, open_m = CONSTANTS[scale]
    angle = closed + opening * (opened_ - closed)
    along, across = HORN_M * math.sin(angle), HORN_M * math.cos(angle)
    return (along + math.sqrt(ARM_M**2 - across**2) - closed_m) / (open_m - closed_m)


def recording(path: Path, scale: str, *, sim: bool = False, stuck: float = 0.0) -> Path:
    """Both grippers rest at each of OPENINGS. stuck: how far from there."""
    openings = np.repeat(OPENINGS, EACH)
    foreign_data.aloha(path, length=len(openings), effort=not sim, cameras=())
    with h5py.File(path, 'r+') as file:
        states = [measured(opening - stuck, scale) for opening in openings]
        for name, values in (('observations/qpos', states), ('action', openings)):
            rows = np.zeros((len(openings), 14), np.float32)
            rows[:, GRIPPERS] = np.array(values)[:, None]
            file[name][...] = rows
    return path
