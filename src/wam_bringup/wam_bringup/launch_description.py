"""A graph as a ``launch`` description, for ROS 2 Humble and later."""

import os
from functools import partial

from launch import LaunchContext, LaunchDescription
from launch.action import Action
from launch.actions import (
    DeclareLaunchArgument,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from wam_bringup.environment import settings
from wam_bringup.graph import Graph, graph
from wam_bringup.node_spec import Argument, NodeSpec


def describe(name: str) -> LaunchDescription:
    """The launch description of that graph."""
    found = graph(name)
    return LaunchDescription(
        [
            *(SetEnvironmentVariable(key, value) for key, value in settings(os.environ).items()),
            *(_declaration(argument) for argument in found.arguments),
            OpaqueFunction(function=partial(_nodes, found)),
        ]
    )


def _declaration(argument: Argument) -> DeclareLaunchArgument:
    return DeclareLaunchArgument(
        argument.name,
        default_value=argument.default,
        description=argument.text(),
        choices=list(argument.choices) or None,
    )


def _nodes(found: Graph, context: LaunchContext) -> list[Action]:
    """Reads the arguments, now that launch knows their values."""
    given = {
        argument.name: LaunchConfiguration(argument.name).perform(context)
        for argument in found.arguments
    }
    return [_node(spec) for spec in found.resolve(given)]


def _node(spec: NodeSpec) -> Node:
    ends = {} if spec.respawn else {'on_exit': Shutdown(reason=f'{spec.name} ended')}
    return Node(
        package=spec.package,
        executable=spec.executable,
        ros_arguments=spec.ros_arguments(),
        respawn=spec.respawn,
        respawn_delay=1.0,
        output='screen',
        prefix=' '.join(spec.prefix),
        **(ends if spec.required else {}),
    )
