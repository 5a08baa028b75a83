import cv2
import numpy as np
import pytest
from PIL import Image

from wam_core.errors import WamError
from wam_nodes.resampling import Pixels, resizer

NAMES = ['opencv_area', 'opencv_linear', 'pil_bicubic', 'pil_bilinear']


def frame(height: int = 48, width: int = 64) -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)


def by_library(name: str, source: Pixels, height: int, width: int) -> Pixels:
    pil = {'pil_bicubic': Image.BICUBIC, 'pil_bilinear': Image.BILINEAR}
    opencv = {'opencv_area': cv2.INTER_AREA, 'opencv_linear': cv2.INTER_LINEAR}
    if name in pil:
        image = Image.fromarray(np.ascontiguousarray(source), 'RGB')
        return np.array(image.resize((width, height), pil[name]))
    return cv2.resize(source, (width, height), interpolation=opencv[name])


@pytest.mark.parametrize('name', NAMES)
@pytest.mark.parametrize('size', [(22, 22), (48, 64), (50, 100), (1, 1)])
def test_is_exactly_what_the_library_gives(name: str, size: tuple[int, int]) -> None:
    source = frame()
    target = np.zeros((*size, 3), np.uint8)
    resizer(name)(source, target)
    np.testing.assert_array_equal(target, by_library(name, source, *size))


@pytest.mark.parametrize('name', NAMES)
def test_writes_only_its_own_slot_of_a_set(name: str) -> None:
    frames = np.full((3, 22, 23, 3), 7, np.uint8)
    resizer(name)(frame(), frames[1])
    np.testing.assert_array_equal(frames[1], by_library(name, frame(), 22, 23))
    assert (frames[[0, 2]] == 7).all()


@pytest.mark.parametrize('name', NAMES)
def test_takes_a_read_only_view_of_padded_rows(name: str) -> None:
    padded = np.zeros((48, 70, 3), np.uint8)
    padded[:, :64] = frame()
    padded.setflags(write=False)
    target = np.zeros((22, 22, 3), np.uint8)
    resizer(name)(padded[:, :64], target)
    np.testing.assert_array_equal(target, by_library(name, frame(), 22, 22))


def test_the_filters_differ() -> None:
    results = []
    for name in NAMES:
        target = np.zeros((22, 22, 3), np.uint8)
        resizer(name)(frame(), target)
        results.append(target.tobytes())
    assert len(set(results)) == len(NAMES)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(WamError, match=r"'lanczos'.*pil_bicubic.*policy file"):
        resizer('lanczos')
