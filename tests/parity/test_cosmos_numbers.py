"""Images, numbers in latent frames and aggregation, against the official Cosmos Policy code."""

import hashlib
from typing import Any

import cosmos_golden as golden
import numpy as np
import pytest
import torch
from torch import Tensor

from wam_core.errors import WamError
from wam_policy.cosmos.images.image_pipeline import prepare
from wam_policy.cosmos.options import ImageOptions
from wam_policy.cosmos.planning.aggregation import aggregate, average_images
from wam_policy.cosmos.sequence.injection import (
    extract_action,
    extract_value,
    inject_action,
    inject_state,
)
from wam_policy.cosmos.sequence.layout import make_layout
from wam_policy.cosmos.sequence.normaliser import read_statistics

IMAGES = golden.records('images')
VALUES = golden.records('aggregation')['values']


@pytest.mark.parametrize('case', IMAGES, ids=[case['name'] for case in IMAGES])
def test_images_are_prepared_byte_for_byte(case: dict[str, Any]) -> None:
    sizes = case['height'], case['width']
    images = np.stack(
        [golden.image(f'{case["name"]}{index}', *sizes) for index in range(case['number'])]
    )
    options = ImageOptions(
        jpeg_quality=95 if case['jpeg'] else 0,
        size=case['size'],
        crop_area=0.9 if case['crop'] else 1.0,
    )
    result = prepare(images, options)
    if 'sha256' in case:
        assert hashlib.sha256(result.tobytes()).hexdigest() == case['sha256']
    else:
        np.testing.assert_array_equal(result, golden.arrays('images')[case['name']])


def test_injection_and_extraction_are_the_official_ones() -> None:
    given, layout = golden.arrays('injection'), golden.layout()
    latents = golden.numbers('latents', 2, *layout.shape)
    actions = inject_action(latents, layout, golden.numbers('actions', 2, 8, 14))
    np.testing.assert_array_equal(actions[:, :, layout.action], given['action injected'])
    state = inject_state(latents, layout, golden.numbers('proprio', 2, 14))
    np.testing.assert_array_equal(state[:, :, 1], given['proprio injected'])
    np.testing.assert_allclose(extract_action(latents, layout), given['action'], atol=1e-6)
    np.testing.assert_allclose(extract_value(latents, layout), given['value'], atol=1e-6)


def test_numbers_in_latent_frames_of_alohas_size_are_the_official_ones() -> None:
    """17 full copies of the chunk in a frame of 12 544 elements, and a part of one."""
    given, recorded = golden.arrays('real_sizes'), golden.records('real_sizes')
    layout = make_layout(golden.CAMERAS)
    latents = golden.numbers('aloha latents', 1, *layout.shape)
    actions = inject_action(latents, layout, golden.numbers('aloha actions', 1, 50, 14))
    assert digest(actions[:, :, layout.action]) == recorded['action']
    state = inject_state(latents, layout, golden.numbers('aloha proprio', 1, 14))
    assert digest(state[:, :, 1]) == recorded['proprioception']
    np.testing.assert_allclose(extract_action(latents, layout), given['action'], atol=1e-6)
    np.testing.assert_allclose(extract_value(latents, layout), given['value'], atol=1e-6)


def digest(frame: Tensor) -> str:
    """Of its bytes: copies are exact."""
    return hashlib.sha256(frame.contiguous().numpy().tobytes()).hexdigest()


def test_values_beyond_the_range_are_clipped_like_the_official_ones() -> None:
    latents = golden.numbers('latents', 2, *golden.layout().shape)
    latents[:, :, -1] += torch.tensor([1.5, -1.5])[:, None, None, None]
    values = extract_value(latents, golden.layout())
    np.testing.assert_array_equal(values, golden.arrays('injection')['value beyond'])


def test_scaling_is_the_official_one_to_the_bit() -> None:
    given = golden.arrays('injection')
    statistics = read_statistics(golden.DATA / 'statistics.json')
    state = statistics.normalise_state(golden.numbers('state', 14).numpy())
    np.testing.assert_array_equal(state, given['normalised'])
    actions = statistics.unnormalise_action(golden.numbers('chunk', 1, 8, 14).numpy())
    np.testing.assert_array_equal(actions, given['unnormalised'])


@pytest.mark.parametrize(
    'case', VALUES, ids=[f'{case["scheme"]}-{len(case["values"])}' for case in VALUES]
)
def test_values_are_aggregated_like_the_official_ones(case: dict[str, Any]) -> None:
    values = torch.tensor(case['values'])
    if not isinstance(case['result'], float):  # the official code gives NaN, or fails
        with pytest.raises(WamError, match=case['scheme']):
            aggregate(values, case['scheme'])
        return
    assert float(aggregate(values, case['scheme'])) == pytest.approx(case['result'], abs=1e-7)


def test_images_are_averaged_like_the_official_ones() -> None:
    for case in golden.records('aggregation')['images']:
        images = [np.array(image, np.uint8) for image in case['images']]
        np.testing.assert_array_equal(average_images(images), case['mean'])
