from pathlib import Path

import pytest
import wam_msgs.msg
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from wam_core.errors import WamError
from wam_data.definitions import SEPARATOR, Definitions

OURS = sorted(name for name in dir(wam_msgs.msg) if name[0].isupper())


@pytest.mark.parametrize('kind', OURS)
def test_another_parser_reads_them_and_finds_the_same_hash(
    definitions: Definitions, kind: str
) -> None:
    name = f'wam_msgs/msg/{kind}'
    found = definitions.find(name)
    store = get_typestore(Stores.EMPTY)
    store.register(get_types_from_msg(found.text, name))
    assert store.hash_rihs01(name) == found.digest


@pytest.mark.parametrize(
    ('name', 'stamped'),
    [
        ('sensor_msgs/msg/Image', True),
        ('sensor_msgs/msg/CameraInfo', True),
        ('diagnostic_msgs/msg/DiagnosticArray', True),
        ('interbotix_xs_msgs/msg/JointTrajectoryCommand', False),
        ('rosgraph_msgs/msg/Clock', False),
        ('wam_msgs/msg/ExecutorState', True),  # constants come before its header
    ],
)
def test_stamped(definitions: Definitions, name: str, stamped: bool) -> None:
    assert definitions.find(name).stamped is stamped


def test_each_dependency_once(definitions: Definitions) -> None:
    text = definitions.find('wam_msgs/msg/Proprioception').text
    parts = text.split(f'{SEPARATOR}\nMSG: ')[1:]
    names = [part.split('\n', maxsplit=1)[0] for part in parts]
    assert sorted(names) == sorted(set(names))
    assert {'std_msgs/Header', 'geometry_msgs/Pose', 'builtin_interfaces/Time'} <= set(names)


def test_a_package_that_is_not_there(definitions: Definitions) -> None:
    with pytest.raises(WamError, match="package 'no_such_msgs' is not installed"):
        definitions.find('no_such_msgs/msg/Thing')


def test_a_type_that_is_not_there(definitions: Definitions) -> None:
    with pytest.raises(WamError, match=r'NoSuch\.msg cannot be read'):
        definitions.find('std_msgs/msg/NoSuch')


@pytest.mark.parametrize('name', ['std_msgs/Header', 'Header', 'std_srvs/srv/Trigger'])
def test_names_of_other_forms(definitions: Definitions, name: str) -> None:
    with pytest.raises(WamError, match='expected package/msg/Type'):
        definitions.find(name)


def test_bounded_types_and_defaults(tmp_path: Path) -> None:
    folder = tmp_path / 'mine' / 'msg'
    folder.mkdir(parents=True)
    (folder / 'Top.msg').write_text(
        '# a comment with other/Type in it\nuint8 A=1\nstring<=5 name "x"\n'
        'Inner[<=3] inner  # other/Type\nfloat64[] rest\n'
    )
    (folder / 'Inner.msg').write_text('bool[2] flags\n')
    found = Definitions(lambda package: tmp_path / package).find('mine/msg/Top')
    assert found.text.count('MSG: ') == 1
    assert 'MSG: mine/Inner\nbool[2] flags' in found.text
    assert found.digest == ''
