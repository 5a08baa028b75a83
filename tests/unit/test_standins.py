"""The stand-ins, and that what they stand in for still has the same names and arguments.

In the ROS world ``import message_filters`` finds the real package, which is then held against the
same list as the stand-in; ``src/standins`` itself is always read from its files.
"""

import importlib
import importlib.util
import inspect
from array import array
from operator import attrgetter
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

STANDINS = Path(__file__).parents[2] / 'src' / 'standins'

# From the sources of message_filters 4.3.5 (Humble), 4.11.2 (Jazzy), cv_bridge 3.2, 4.0, and the
# toolboxes of Interbotix, branch humble.
SIGNATURES = {
    'message_filters': {
        'SimpleFilter.__init__': '(self)',
        'SimpleFilter.registerCallback': '(self, cb, *args)',
        'SimpleFilter.signalMessage': '(self, *msg)',
        'Subscriber.__init__': '(self, *args, **kwargs)',
        'Subscriber.callback': '(self, msg)',
        'Subscriber.getTopic': '(self)',
    },
    'cv_bridge': {
        'CvBridge.__init__': '(self)',
        'CvBridge.imgmsg_to_cv2': "(self, img_msg, desired_encoding='passthrough')",
    },
    'interbotix_common_modules.common_robot.robot': {
        'InterbotixRobotNode.__init__': (
            "(self, node_name='interbotix_robot_manipulation', namespace=None, *args, **kwargs)"
        ),
        'InterbotixRobotNode.wait_until_future_complete': '(self, future, timeout_sec=None)',
        'robot_startup': (
            "(node=None, node_name='interbotix_robot_manipulation', namespace=None)"
        ),
        'robot_shutdown': '(node=None)',
        'create_interbotix_global_node': (
            "(node_name='interbotix_robot_manipulation', namespace=None, *args, **kwargs)"
        ),
        'get_interbotix_global_node': '()',
        'interbotix_is_up': '()',
    },
    'interbotix_xs_modules.xs_robot.core': {
        'InterbotixRobotXSCore.__init__': (
            "(self, robot_model, robot_name=None, topic_joint_states='joint_states', "
            'logging_level=<LoggingSeverity.INFO: 20>, '
            "node_name='interbotix_robot_manipulation', node=None, args=None)"
        ),
        'InterbotixRobotXSCore.get_node': '(self)',
        'InterbotixRobotXSCore.robot_set_operating_modes': (
            "(self, cmd_type, name, mode, profile_type='velocity', profile_velocity=0, "
            'profile_acceleration=0)'
        ),
        'InterbotixRobotXSCore.robot_set_motor_registers': '(self, cmd_type, name, reg, value)',
        'InterbotixRobotXSCore.robot_get_motor_registers': '(self, cmd_type, name, reg)',
        'InterbotixRobotXSCore.robot_get_robot_info': '(self, cmd_type, name)',
        'InterbotixRobotXSCore.robot_torque_enable': '(self, cmd_type, name, enable)',
        'InterbotixRobotXSCore.robot_reboot_motors': (
            '(self, cmd_type, name, enable, smart_reboot=False)'
        ),
        'InterbotixRobotXSCore.robot_get_joint_states': '(self)',
    },
}


def stand_in(name: str) -> ModuleType:
    package, *parts = name.split('.')
    path = STANDINS / package / Path(*name.split('.'))
    path = path.with_suffix('.py') if parts else path / '__init__.py'
    spec = importlib.util.spec_from_file_location(f'stand_in_{name}', path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bare_signature(module: ModuleType, path: str) -> str:
    found = attrgetter(path)(module)
    signature = inspect.signature(found)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in signature.parameters.values()]
    # A class without a constructor of its own shows object's (self, /, *args, **kwargs).
    if found is object.__init__:
        return '(self)'
    return str(inspect.Signature(bare))


@pytest.mark.parametrize('name', SIGNATURES)
@pytest.mark.parametrize('load', [stand_in, importlib.import_module])
def test_signatures(name: str, load: Any) -> None:
    module = load(name)
    found = {path: bare_signature(module, path) for path in SIGNATURES[name]}
    assert found == SIGNATURES[name]
    assert issubclass(importlib.import_module('cv_bridge').CvBridgeError, TypeError)


@pytest.mark.parametrize('load', [stand_in, importlib.import_module])
class TestMessageFilters:
    def test_callbacks_run_in_order_with_their_arguments(self, load: Any) -> None:
        simple = load('message_filters').SimpleFilter()
        calls: list[Any] = []
        connections = [
            simple.registerCallback(lambda *a: calls.append(('first', a)), 7),
            simple.registerCallback(lambda *a: calls.append(('second', a))),
        ]
        simple.signalMessage('x', 'y')
        assert calls == [('first', ('x', 'y', 7)), ('second', ('x', 'y'))]
        assert len(set(connections)) == 2

    def test_subscriber_subscribes_and_passes_on(self, load: Any) -> None:
        made: list[Any] = []
        subscription = SimpleNamespace(topic_name='/images')

        def create_subscription(*args: Any, **kwargs: Any) -> SimpleNamespace:
            made.append((args, kwargs))
            return subscription

        node = SimpleNamespace(create_subscription=create_subscription)
        subscriber = load('message_filters').Subscriber(node, dict, '/images', raw=True)
        (message_type, topic, callback), keywords = made[0]
        assert (message_type, topic) == (dict, '/images')
        assert keywords == {'raw': True, 'qos_profile': 10}
        seen: list[Any] = []
        subscriber.registerCallback(seen.append)
        callback('message')
        assert seen == ['message']
        assert subscriber.getTopic() == '/images'
        assert subscriber.topic_name == '/images'


def image(encoding: str, pixels: Any, padding: int = 0) -> SimpleNamespace:
    rows = pixels.reshape(pixels.shape[0], -1)
    rows = np.pad(rows, ((0, 0), (0, padding)))
    return SimpleNamespace(
        height=pixels.shape[0],
        width=pixels.shape[1],
        encoding=encoding,
        is_bigendian=0,
        step=rows.shape[1],
        data=array('B', rows.tobytes()),
    )


RGB = np.random.default_rng(5).integers(0, 256, (6, 8, 3), np.uint8)
GRAY = np.ascontiguousarray(RGB[..., 0])


CV_BRIDGE = stand_in('cv_bridge')


class TestCvBridge:
    bridge = CV_BRIDGE.CvBridge()

    @pytest.mark.parametrize('desired', ['passthrough', 'rgb8'])
    def test_the_same_encoding_is_a_view(self, desired: str) -> None:
        message = image('rgb8', RGB)
        pixels = self.bridge.imgmsg_to_cv2(message, desired)
        np.testing.assert_array_equal(pixels, RGB)
        message.data[0] ^= 0xFF
        assert pixels[0, 0, 0] == message.data[0]

    @pytest.mark.parametrize(
        ('source', 'desired', 'pixels', 'expected'),
        [
            ('bgr8', 'rgb8', RGB, RGB[..., ::-1]),
            ('rgb8', 'bgr8', RGB, RGB[..., ::-1]),
            ('mono8', 'rgb8', GRAY, np.repeat(GRAY[..., None], 3, axis=2)),
            ('mono8', 'mono8', GRAY, GRAY),
            ('rgb8', 'mono8', RGB, cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)),
        ],
    )
    @pytest.mark.parametrize('padding', [0, 5])
    def test_conversions(
        self, source: str, desired: str, pixels: Any, expected: Any, padding: int
    ) -> None:
        message = image(source, pixels, padding)
        np.testing.assert_array_equal(self.bridge.imgmsg_to_cv2(message, desired), expected)

    @pytest.mark.parametrize(('source', 'desired'), [('yuv422', 'rgb8'), ('rgb8', '16UC1')])
    def test_other_encodings_are_refused(self, source: str, desired: str) -> None:
        with pytest.raises(CV_BRIDGE.CvBridgeError, match=f"'{source}'"):
            self.bridge.imgmsg_to_cv2(image(source, RGB), desired)

    def test_short_data_is_refused(self) -> None:
        message = image('rgb8', RGB)
        message.data = message.data[:-1]
        with pytest.raises(TypeError):
            self.bridge.imgmsg_to_cv2(message)
