"""Which latent frame holds what, for the three official layouts and for any other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wam_core.errors import WamError
from wam_policy.cosmos.sequence.layout import (
    Kind,
    Layout,
    Pass,
    first_pixel_frame,
    make_layout,
    pixel_frames,
)

ALOHA = make_layout(('left_wrist', 'right_wrist', 'primary'))
LIBERO = make_layout(('wrist', 'primary'), horizon=16, action_dim=7, state_dim=9)
ROBOCASA = make_layout(('wrist', 'primary', 'secondary'), horizon=32, action_dim=7, state_dim=9)
# Latent frames, frames of the video, clean frames of the policy, tokens, frames put back before
# decoding. Source: cosmos-policy, get_action and its INDICES_TO_REPLACE.
OFFICIAL = [
    (ALOHA, 11, 41, 5, 2156, (0, 1, 5, 6)),
    (LIBERO, 9, 33, 4, 1764, (0, 1, 4, 5)),
    (ROBOCASA, 11, 41, 5, 2156, (0, 1, 5, 6)),
]

cameras = st.integers(1, 6).map(lambda count: tuple(f'camera_{index}' for index in range(count)))
layouts = st.builds(make_layout, cameras, st.booleans())


@pytest.mark.parametrize(('layout', 'frames', 'video', 'clean', 'tokens', 'put_back'), OFFICIAL)
def test_official_layouts(
    layout: Layout,
    frames: int,
    video: int,
    clean: int,
    tokens: int,
    put_back: tuple[int, ...],
) -> None:
    assert (layout.frames, layout.pixel_frames, layout.tokens) == (frames, video, tokens)
    assert sum(layout.clean(Pass.POLICY)) == layout.action == clean
    assert layout.value == frames - 1
    assert tuple(sorted(layout.placeholders)) == put_back


def test_aloha_frame_by_frame() -> None:
    assert [slot.kind for slot in ALOHA.slots] == [
        Kind.BLANK,
        Kind.PROPRIOCEPTION,
        *[Kind.IMAGE] * 3,
        Kind.ACTION,
        Kind.FUTURE_PROPRIOCEPTION,
        *[Kind.FUTURE_IMAGE] * 3,
        Kind.VALUE,
    ]
    assert ALOHA.shape == (16, 11, 28, 28)
    assert ALOHA.frame_elements == 12_544
    assert ALOHA.frame_elements // ALOHA.action_size == 17
    assert first_pixel_frame(0) == 0
    assert first_pixel_frame(9) == 33


@given(layouts)
def test_the_future_mirrors_the_present(layout: Layout) -> None:
    assert len(layout.current_state) == len(layout.future_state)
    pairs = zip(layout.images, layout.future_images, strict=True)
    assert all(layout.slots[a].camera == layout.slots[b].camera for a, b in pairs)
    assert layout.cameras == tuple(layout.slots[index].camera for index in layout.images)
    assert (layout.proprioception is None) == (layout.future_proprioception is None)
    assert first_pixel_frame(layout.frames - 1) + 4 == layout.pixel_frames


@given(layouts)
def test_passes_hide_what_they_must_not_see(layout: Layout) -> None:
    clean = {purpose: layout.clean(purpose) for purpose in Pass}
    assert not any(known[layout.value] for known in clean.values())
    assert all(known[0] for known in clean.values())
    hidden = {*layout.current_state, layout.action}
    assert not any(clean[Pass.V_VALUE][index] for index in hidden)
    assert all(clean[Pass.V_VALUE][index] for index in layout.future_state)
    # Q judges what the world model starts from.
    assert clean[Pass.Q_VALUE] == clean[Pass.WORLD_MODEL]
    for purpose in (Pass.V_VALUE, Pass.Q_VALUE):
        assert sum(layout.clean(purpose, masked=False)) == layout.frames - 1


@pytest.mark.parametrize('latent_frames', [1, 2, 9, 11])
def test_video_frames(latent_frames: int) -> None:
    assert pixel_frames(latent_frames) == 1 + 4 * (latent_frames - 1)


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ({'cameras': ()}, 'at least one'),
        ({'cameras': ('a', 'a')}, 'each once'),
        ({'cameras': ('a',), 'image_size': 200}, 'multiples of 16'),
        ({'cameras': ('a',), 'image_size': 16}, '50 x 14 does not fit'),
        ({'cameras': ('a',), 'state_dim': 20_000}, 'a state of 20000 does not fit'),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(WamError, match=message):
        make_layout(**arguments)  # type: ignore[arg-type]
