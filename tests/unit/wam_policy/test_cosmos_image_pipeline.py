"""Each step of the image pipeline; the bytes themselves are in tests/parity."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from wam_core.errors import WamError
from wam_policy.cosmos.images.image_pipeline import compress, crop, flip, prepare, resize
from wam_policy.cosmos.options import ImageOptions

Images = NDArray[np.uint8]

PLAIN = ImageOptions(crop_area=1.0, size=32)


def pictures(height: int = 32, width: int = 32, number: int = 3) -> Images:
    return np.random.default_rng(0).integers(0, 256, (number, height, width, 3), np.uint8)


def bilinear(images: Images, size: int) -> NDArray[np.float64]:
    """Enlarging by the textbook: pixel centres, edges held. Antialiasing changes nothing there."""
    old = images.shape[1]
    place = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
    low = np.minimum(place.astype(int), old - 2)
    share = place - low
    lines = images.astype(float)
    lines = lines[:, low] * (1 - share)[:, None, None] + lines[:, low + 1] * share[:, None, None]
    columns = lines[:, :, low] * (1 - share)[:, None] + lines[:, :, low + 1] * share[:, None]
    return np.asarray(columns, np.float64)


def test_images_of_the_right_size_stay_as_they_are() -> None:
    images = pictures()
    np.testing.assert_array_equal(prepare(images, PLAIN), images)


def test_a_flip_turns_every_image_and_not_their_order() -> None:
    images = pictures()
    flipped = prepare(images, ImageOptions(flip=True, crop_area=1.0, size=32))
    for image, turned in zip(images, flipped, strict=True):
        np.testing.assert_array_equal(turned, image[::-1])


def test_jpeg_is_pillows_at_its_own_subsampling() -> None:
    images = pictures()
    buffer = io.BytesIO()
    Image.fromarray(images[1]).save(buffer, format='JPEG', quality=95)
    compressed = prepare(images, ImageOptions(jpeg_quality=95, crop_area=1.0, size=32))
    np.testing.assert_array_equal(compressed[1], np.asarray(Image.open(buffer)))
    assert (compressed != images).mean() > 0.5


def test_a_resize_squashes_by_pillows_bicubic_filter() -> None:
    images = pictures(48, 64)
    resized = prepare(images, PLAIN)
    assert resized.shape == (3, 32, 32, 3)
    expected = Image.fromarray(images[2]).resize((32, 32), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resized[2], np.asarray(expected))
    other = Image.fromarray(images[2]).resize((32, 32), Image.Resampling.BILINEAR)
    assert (resized[2] != np.asarray(other)).any()


@pytest.mark.parametrize(
    ('size', 'area', 'inside', 'start'),
    [(224, 0.9, 212, 6), (32, 0.9, 30, 1), (48, 0.9, 45, 2), (32, 0.5, 22, 5)],
)
def test_a_crop_keeps_the_centre_and_enlarges_it(
    size: int, area: float, inside: int, start: int
) -> None:
    images = pictures(size, size)
    found = prepare(images, ImageOptions(size=size, crop_area=area))
    end = start + inside
    expected = bilinear(images[:, start:end, start:end], size)
    # Rounded, not cut off; float32 weights put what is near a tie on either side.
    assert np.abs(found - expected).max() < 0.51
    assert found.shape == images.shape


def test_the_steps_come_in_the_official_order() -> None:
    images = pictures(40, 50)
    options = ImageOptions(flip=True, jpeg_quality=95, size=32, crop_area=0.9)
    expected = crop(resize(compress(flip(images), 95), 32), 0.9)
    np.testing.assert_array_equal(prepare(images, options), expected)
    for other in (
        crop(resize(flip(compress(images, 95)), 32), 0.9),
        crop(compress(resize(flip(images), 32), 95), 0.9),
        resize(crop(compress(flip(images[:, :, :40]), 95), 0.9), 32),
    ):
        assert (other != expected).any()


def test_what_comes_in_is_not_changed() -> None:
    images = pictures(40, 50)
    kept = images.copy()
    prepare(images, ImageOptions(flip=True, jpeg_quality=50, size=32))
    np.testing.assert_array_equal(images, kept)


@pytest.mark.parametrize('shape', [(32, 32, 3), (3, 32, 32, 4), (3, 0, 32, 3), (0, 32, 32, 3)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(WamError, match=r'expected \(number, height, width, 3\)'):
        prepare(np.zeros(shape, np.uint8), PLAIN)


def test_other_types_are_refused() -> None:
    with pytest.raises(WamError, match=r'images of float32, expected uint8'):
        prepare(np.zeros((3, 32, 32, 3), np.float32), PLAIN)
