"""The parts of LeRobot that the benches run; import it with the interpreter of ``peers.python``.

Each is LeRobot's own file. ``lerobot.robots`` is entered without its ``__init__``, which imports
training and drivers, of which nothing is used here.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from typing import Any


def precise_sleep() -> Callable[[float], None]:
    """``lerobot.utils.robot_utils.precise_sleep``: waits that many seconds."""
    function: Callable[[float], None] = importlib.import_module(
        'lerobot.utils.robot_utils'
    ).precise_sleep
    return function


def dataset_class() -> Any:
    """``lerobot.datasets.lerobot_dataset.LeRobotDataset``: writes and reads data sets."""
    return importlib.import_module('lerobot.datasets.lerobot_dataset').LeRobotDataset


def aggregate_function(name: str) -> Callable[[Any, Any], Any]:
    """``lerobot.async_inference.configs.get_aggregate_function``: (old, new) -> merged action.

    name: 'weighted_average', 'latest_only', 'average' or 'conservative'. Tensors or arrays.
    """
    if 'lerobot.robots' not in sys.modules:
        specification = importlib.util.find_spec('lerobot.robots')
        assert specification is not None
        specification.loader = None  # a package without __init__
        sys.modules['lerobot.robots'] = importlib.util.module_from_spec(specification)
    configs = importlib.import_module('lerobot.async_inference.configs')
    function: Callable[[Any, Any], Any] = configs.get_aggregate_function(name)
    return function
