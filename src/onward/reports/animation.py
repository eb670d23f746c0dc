"""Moving pictures: figures in a row, as one animated WebP or GIF."""

from __future__ import annotations

import io
from collections.abc import Iterable

from matplotlib.figure import Figure
from PIL import Image

FORMATS = ("webp", "gif")


def animate(
    frames: Iterable[Figure], *, seconds: float = 0.2, last: float = 2.0, dpi: int = 80, form: str = "webp"
) -> bytes:
    """Give figures of equal size as one animation that repeats for ever.

    Args:
        frames: drawn one after another; each may be made when it is asked for.
        seconds: a frame is shown for.
        last: seconds that the last frame is shown for.
        dpi: dots an inch.
        form: "webp" (small) or "gif" (old programs read it too).

    Raises:
        ValueError: no frames, or another form.
    """
    if form not in FORMATS:
        raise ValueError(f"an animation is written as {' or '.join(FORMATS)}, got {form!r}")
    images = [_image(figure, dpi) for figure in frames]
    if not images:
        raise ValueError("an animation needs at least one frame, got none")
    if form == "gif":
        images = [image.quantize(128) for image in images]
    durations = [round(1000 * seconds)] * (len(images) - 1) + [round(1000 * last)]
    settings = {"quality": 70, "method": 4} if form == "webp" else {"optimize": True}
    buffer = io.BytesIO()
    images[0].save(buffer, form, save_all=True, append_images=images[1:], duration=durations, loop=0, **settings)
    return buffer.getvalue()


def _image(figure: Figure, dpi: int) -> Image.Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    buffer.seek(0)
    return Image.open(buffer).convert("RGB")
