import io

import pytest
from matplotlib.figure import Figure
from PIL import Image

from onward.reports.animation import animate


def frames(count: int) -> list[Figure]:
    made = [Figure(figsize=(1, 1)) for _ in range(count)]
    for k, figure in enumerate(made):
        figure.subplots().plot([0, k], [0, 1])
    return made


@pytest.mark.parametrize("form", ["webp", "gif"])
def test_every_frame_is_there_the_last_stays_longer_and_it_repeats(form: str) -> None:
    film = Image.open(io.BytesIO(animate(frames(4), seconds=0.2, last=1.0, form=form)))
    assert film.format == form.upper()
    assert film.n_frames == 4  # pyright: ignore[reportAttributeAccessIssue]
    assert film.info["loop"] == 0
    assert film.size == (80, 80)
    durations = []
    for k in range(4):
        film.seek(k)
        film.load()
        durations.append(film.info["duration"])
    assert durations == [200, 200, 200, 1000]


def test_no_frames_and_other_forms_are_refused() -> None:
    with pytest.raises(ValueError, match="an animation needs at least one frame, got none"):
        animate([])
    with pytest.raises(ValueError, match="an animation is written as webp or gif, got 'mp4'"):
        animate(frames(1), form="mp4")
