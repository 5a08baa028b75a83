"""Finding policies and refusing those that do not fit."""

from dataclasses import replace

import pytest

from wam_bringup.config import load_policy, load_rig
from wam_core.errors import WamError
from wam_policy.hold import HoldPolicy
from wam_policy.policy import Policy
from wam_policy.registry import available, check_rig, load


def test_a_policy_is_found_by_its_entry_point() -> None:
    policy = load(load_policy('hold'))
    assert isinstance(policy, HoldPolicy)
    assert isinstance(policy, Policy)
    assert policy.spec.name == 'hold'


def test_an_unknown_name_lists_the_installed_ones() -> None:
    config = replace(load_policy('hold'), entry_point='holt')
    with pytest.raises(WamError, match=r"unknown entry point 'holt'.*'hold'.*hold\.yaml"):
        load(config)
    assert 'hold' in available()


@pytest.mark.parametrize('name', ['sim', 'aloha'])
def test_a_policy_that_fits_is_accepted(name: str) -> None:
    check_rig(load_policy('hold').spec, load_rig(name))


def test_a_missing_camera_is_refused_with_both_sides() -> None:
    spec = replace(load_policy('hold').spec, cameras=('cam_high', 'cam_low'))
    with pytest.raises(WamError) as refusal:
        check_rig(spec, load_rig('sim'))
    assert "'cam_low' (of ['cam_high', 'cam_low'])" in str(refusal.value)
    assert "rig 'sim' has ['cam_high', 'cam_left_wrist', 'cam_right_wrist']" in str(refusal.value)


@pytest.mark.parametrize('field', ['state_dim', 'action_dim'])
def test_another_dimension_is_refused_with_both_sides(field: str) -> None:
    spec = replace(load_policy('hold').spec, **{field: 7})  # type: ignore[arg-type]
    with pytest.raises(WamError, match=rf"{field} 7, rig 'sim' has 14"):
        check_rig(spec, load_rig('sim'))


def test_a_privileged_policy_is_refused_on_a_real_rig() -> None:
    spec = replace(load_policy('hold').spec, privileged=True)
    check_rig(spec, load_rig('sim'))
    with pytest.raises(WamError, match=r"rig 'aloha' is not simulated"):
        check_rig(spec, load_rig('aloha'))
