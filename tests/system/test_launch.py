"""The launch files under the real launch_ros, where there is one."""

import signal
from pathlib import Path
from typing import Any

import pytest
from rosgraph_msgs.msg import Clock
from wam_msgs.msg import ExecutorState

from wam_bringup.config import config_directory
from wam_bringup.graph import GRAPHS, Graph

pytest.importorskip('launch_ros', reason='launch and launch_ros have no wheels: a ROS install')

from launch import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource

SCRIPT = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
given = [tuple(word.split(':=', 1)) for word in sys.argv[2:]]
source = PythonLaunchDescriptionSource(sys.argv[1])
service = LaunchService(noninteractive=True)
include = IncludeLaunchDescription(source, launch_arguments=given)
service.include_launch_description(LaunchDescription([include]))
sys.exit(service.run())
"""


def launch_file(name: str) -> Path:
    return config_directory().parent / 'launch' / f'{name}.launch.py'


@pytest.mark.parametrize('graph', GRAPHS.values(), ids=list(GRAPHS))
def test_show_args_reads_like_the_node_list(graph: Graph) -> None:
    source = PythonLaunchDescriptionSource(str(launch_file(graph.name)))
    description = source.get_launch_description(LaunchContext())
    shown = {item.name: item for item in description.get_launch_arguments()}
    assert [*shown] == [argument.name for argument in graph.arguments]
    for argument in graph.arguments:
        assert argument.text() in shown[argument.name].description


@pytest.mark.slow
def test_the_launch_file_starts_the_graph(stack: Any) -> None:
    script = stack.folder / 'launch_it.py'
    script.write_text(SCRIPT)
    command = stack.python(str(script), str(launch_file('rollout')), f'root:={stack.root}')
    stack.until(lambda: stack.heard(Clock, '/clock'), 'the rig')
    stack.until(lambda: stack.heard(ExecutorState, '/executor_state'), 'the executor')
    command.popen.send_signal(signal.SIGINT)
    assert command.wait() == 0, command.output
    assert 'Traceback' not in command.output
