"""A person's own arrays and pictures become data sets; what is wrong with them is one sentence."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from PIL import Image

from onward.datasets import DataUnavailable, arrays, breast_cancer, digits, image_folder, wine
from tests.datasets import made
from tests.datasets.test_formats import attempt, mutated

RNG = np.random.default_rng(0)
X, Y = RNG.normal(3, 2, (40, 5)), np.arange(40) % 4


def saved(path: Path, **held: object) -> str:
    np.savez(path / "mine.npz", **held)  # pyright: ignore[reportArgumentType]
    return str(path / "mine.npz")


def test_arrays_are_parted_and_standardised(tmp_path: Path) -> None:
    found = arrays(0, file=saved(tmp_path, x=X, y=Y))
    assert found.name == "mine"
    assert found.validation is not None
    assert [len(part) for part in (found.train, found.validation, found.test)] == [22, 6, 12]
    torch.testing.assert_close(found.train.x.mean(0), torch.zeros(5), rtol=0, atol=1e-6)
    torch.testing.assert_close(found.train.x.std(0, correction=0), torch.ones(5))
    assert found.test.y.bincount().tolist() == [3, 3, 3, 3]
    every = torch.cat([found.train.x, found.validation.x, found.test.x])
    assert torch.corrcoef(torch.stack([every[:, 0].sort()[0], torch.from_numpy(X[:, 0]).float().sort()[0]]))[0, 1] > 0.99999


def test_a_test_part_of_the_file_is_the_test_part(tmp_path: Path) -> None:
    file = saved(tmp_path, x=X, y=Y, test_x=X[:8].astype(np.float32), test_y=Y[:8])
    found = arrays(0, file=file, validation=0)
    assert len(found.train) == 40
    assert found.validation is None
    torch.testing.assert_close(found.test.x, torch.from_numpy((X[:8] - X.mean(0)) / X.std(0)).float(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pictures_in_arrays_are_scaled_by_channel(tmp_path: Path, dtype: type) -> None:
    x, y = made.pictures(40, (3, 4, 4), 4, 0)
    found = arrays(0, file=saved(tmp_path, x=x.astype(dtype), y=y), validation=0)
    assert found.train.x.shape == (28, 3, 4, 4)
    torch.testing.assert_close(found.train.x.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-6)
    assert (found.train.x.mean((0, 2)).abs() > 1e-3).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_pictures_with_their_channels_last_are_turned(tmp_path: Path, channels: int, dtype: type) -> None:
    x, y = made.pictures(40, (channels, 5, 6), 4, 0)
    x = x.astype(dtype)
    expected = arrays(0, file=saved(tmp_path, x=x, y=y, test_x=x[::2], test_y=y[::2]))
    turned = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    found = arrays(0, file=saved(tmp_path, x=turned, y=y, test_x=turned[::2], test_y=y[::2]))
    for part, same in ((found.train, expected.train), (found.test, expected.test)):
        assert part.x.shape[1:] == (channels, 5, 6)
        torch.testing.assert_close(part.x, same.x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 5, 6), (3, 5, 4), (1, 1, 1), (5, 6, 7), (5, 6, 12)])
def test_other_pictures_have_their_channels_first(tmp_path: Path, shape: tuple[int, int, int]) -> None:
    x, y = made.pictures(40, shape, 4, 0)
    assert arrays(0, file=saved(tmp_path, x=x, y=y)).train.x.shape[1:] == shape


def test_three_axes_are_no_pictures(tmp_path: Path) -> None:
    x, y = made.pictures(40, (5, 3), 4, 0)
    assert arrays(0, file=saved(tmp_path, x=x, y=y)).train.x.shape[1:] == (5, 3)


def test_classes_that_are_not_learned_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="mine.npz is not .*: test_y has classes 4, 7, which y does not have"):
        arrays(0, file=saved(tmp_path, x=X, y=Y, test_x=X[:4], test_y=[4, 0, 7, 7]))
    with pytest.raises(DataUnavailable, match="test_y has class 9, which y does not have"):
        arrays(0, file=saved(tmp_path, x=X, y=Y, test_x=X[:1], test_y=[9]))
    with pytest.raises(DataUnavailable, match="test_y has classes 4, 5, 6, 7, 8, 9 and 30 more, which"):
        arrays(0, file=saved(tmp_path, x=X, y=Y, test_x=X, test_y=np.arange(40)))
    rare = np.where(np.arange(40) == 11, 4, 0)
    with pytest.raises(DataUnavailable, match="too few examples of class 4: the part that is learned from got none"):
        arrays(0, file=saved(tmp_path, x=X, y=rare), test=0.6)


def test_the_seed_decides_the_parts(tmp_path: Path) -> None:
    file = saved(tmp_path, x=X, y=Y)
    assert torch.equal(arrays(1, file=file).test.x, arrays(1, file=file).test.x)
    assert not torch.equal(arrays(1, file=file).test.x, arrays(2, file=file).test.x)


@pytest.mark.parametrize(
    ("held", "words"),
    [
        ({"x": X}, "expected arrays x and y, y is missing"),
        ({"x": X, "y": Y, "test_x": X}, "expected arrays test_x and test_y, test_y is missing"),
        ({"x": X, "y": Y[:5]}, r"expected y as 40 whole numbers, got int64 of shape \(5,\)"),
        ({"x": X, "y": Y + 0.5}, "expected y as 40 whole numbers, got float64"),
        ({"x": X, "y": Y - 1}, "expected classes from 0, got -1 to 2"),
        ({"x": X[:, 0], "y": Y}, r"expected x as numbers n x ..., got float64 of shape \(40,\)"),
        ({"x": X.astype(str), "y": Y}, "expected x as numbers"),
        ({"x": np.where(X[3, 2] == X, np.nan, X), "y": Y}, r"expected finite numbers, got nan at \[3, 2\] of x"),
        ({"x": X.astype(object), "y": Y}, "is damaged or no .npz file of plain arrays"),
        ({"x": X, "y": Y, "test_x": X[:, :4], "test_y": Y}, r"expected test_x like x, \(5,\), got \(4,\)"),
    ],
)
def test_other_arrays_are_refused(tmp_path: Path, held: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(DataUnavailable, match=words):
        arrays(0, file=saved(tmp_path, **held))


def test_a_missing_file_and_a_single_array_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="none.npz is no file; expected an .npz with arrays x and y"):
        arrays(0, file=str(tmp_path / "none.npz"))
    np.save(tmp_path / "one.npy", X)
    with pytest.raises(
        DataUnavailable, match="one.npy is damaged or no .npz file .*; numpy.savez.file, x=x, y=y. writes one"
    ):
        arrays(0, file=str(tmp_path / "one.npy"))


@pytest.mark.parametrize(("test", "validation"), [(0.0, 0.2), (1.0, 0.2), (0.3, 1.0), (0.3, -0.1)])
def test_parts_out_of_range_are_refused(tmp_path: Path, test: float, validation: float) -> None:
    with pytest.raises(ValueError, match="must be a part"):
        arrays(0, file=saved(tmp_path, x=X, y=Y), test=test, validation=validation)


def written() -> bytes:
    held = io.BytesIO()
    np.savez_compressed(held, x=X[:8].astype(np.float32), y=Y[:8])
    return held.getvalue()


WRITTEN = written()


@given(mutated(WRITTEN, len(WRITTEN)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_npz_file_holds(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "mine.npz").write_bytes(data)
    found, said = attempt(lambda: arrays(0, file=str(tmp_path / "mine.npz")))
    assert "mine.npz" in said if found is None else found.train.x.isfinite().all()


def drawn(folder: Path, seed: int, size: tuple[int, int] = (6, 6)) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(10):
        pixels = np.random.default_rng([seed, k]).integers(0, 256, (*size, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{k}.png")


def test_a_folder_a_class_is_read(tmp_path: Path) -> None:
    for seed, name in enumerate(("ants", "bees")):
        drawn(tmp_path / "insects" / name, seed)
    found = image_folder(0, folder=str(tmp_path / "insects"), size=6, validation=0.25)
    assert found.name == "insects"
    assert found.validation is not None
    assert [len(part) for part in (found.train, found.validation, found.test)] == [10, 4, 6]
    assert found.class_names == ("ants", "bees")
    assert found.test.y.bincount().tolist() == [3, 3]
    assert found.train.x.shape == (10, 3, 6, 6)
    torch.testing.assert_close(found.train.x.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-6)


def test_pixels_stay_in_their_places(data: Path) -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pixels[0, 3, 1] = 255
    for part in ("train", "test"):
        (data / part / "one").mkdir(parents=True)
        Image.fromarray(pixels).save(data / part / "one" / "a.png")
    found = image_folder(0, folder=str(data), size=4, validation=0)
    assert found.test.x.argmax() == 1 * 16 + 3
    assert not found.test.x[:, [0, 2]].any()


def test_parts_that_are_folders_stay_parts(data: Path) -> None:
    drawn(data / "train" / "ants", 0)
    drawn(data / "train" / "bees", 1)
    drawn(data / "test" / "bees", 2)
    found = image_folder(0, folder=str(data), size=5, grey=True, validation=0)
    assert found.train.x.shape == (20, 1, 5, 5)
    assert found.test.y.tolist() == [1] * 10
    assert found.class_names == ("ants", "bees")
    drawn(data / "test" / "wasps", 3)
    with pytest.raises(DataUnavailable, match="wasps is a class that .*train does not have"):
        image_folder(0, folder=str(data), size=5)


def test_a_damaged_picture_is_named(data: Path) -> None:
    drawn(data / "ants", 0)
    whole = (data / "ants" / "3.png").read_bytes()
    (data / "ants" / "3.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        DataUnavailable, match="3.png is damaged or no picture .*; put a good copy into its place, or remove it"
    ):
        image_folder(0, folder=str(data))


def test_a_class_without_pictures_is_refused(data: Path) -> None:
    drawn(data / "ants", 0)
    (data / "bees").mkdir()
    (data / ".hidden").mkdir()
    with pytest.raises(
        DataUnavailable, match="bees has no pictures; expected .* end in .png, .*; remove it if it is no class"
    ):
        image_folder(0, folder=str(data))
    (data / "bees").rmdir()
    assert image_folder(0, folder=str(data), size=4).class_names == ("ants",)


def test_a_class_may_be_missing_from_the_test_part_but_not_from_the_other(data: Path) -> None:
    drawn(data / "train" / "ants", 0)
    drawn(data / "test" / "ants", 0)
    (data / "test" / "bees").mkdir()
    (data / "train" / "bees").mkdir()
    with pytest.raises(DataUnavailable, match="train/bees has no pictures"):
        image_folder(0, folder=str(data))
    drawn(data / "train" / "bees", 1)
    assert not image_folder(0, folder=str(data), size=4).test.y.any()


def test_a_class_with_too_few_pictures_to_part_is_named(data: Path) -> None:
    drawn(data / "ants", 0)
    drawn(data / "bees", 1)
    for k in range(1, 10):
        (data / "bees" / f"{k}.png").unlink()
    with pytest.raises(DataUnavailable, match="own has too few pictures of bees: the part that is learned from got none"):
        image_folder(0, folder=str(data), size=4, test=0.6, validation=0)


def test_what_is_no_picture_is_skipped_with_a_warning(data: Path) -> None:
    drawn(data / "ants", 0)
    expected = image_folder(0, folder=str(data), size=4)
    for name in (".DS_Store", "ants/._1.png", "ants/Thumbs.db"):
        (data / name).write_text("of the system")
    assert torch.equal(image_folder(0, folder=str(data), size=4).train.x, expected.train.x)
    (data / "ants" / "more.png").mkdir()
    with pytest.warns(UserWarning, match="own: 1 entry is skipped, the first ants/more.png; expected .* end in .png"):
        found = image_folder(0, folder=str(data), size=4)
    assert torch.equal(found.train.x, expected.train.x)
    (data / "list.csv").write_text("1,2")
    with pytest.warns(UserWarning, match="own: 2 entries are skipped, the first list.csv"):
        image_folder(0, folder=str(data), size=4)


@pytest.mark.parametrize(("kind", "ending", "mode"), [(np.uint16, "png", "I;16"), (np.float32, "tiff", "F")])
def test_pixels_of_more_than_8_bits_are_refused_not_cut_off(data: Path, kind: type, ending: str, mode: str) -> None:
    (data / "ants").mkdir()
    Image.fromarray((np.arange(64).reshape(8, 8) * 900).astype(kind)).save(data / "ants" / f"deep.{ending}")
    with pytest.raises(DataUnavailable, match=rf"deep.{ending} has pixels of more than 8 bits \({mode}\), expected 8"):
        image_folder(0, folder=str(data))


def test_folders_without_pictures_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="has no pictures; expected a folder for each class"):
        image_folder(0, folder=str(tmp_path))
    with pytest.raises(DataUnavailable, match="nowhere is no folder; expected one that has a folder of pictures"):
        image_folder(0, folder=str(tmp_path / "nowhere"))
    with pytest.raises(ValueError, match="size must be at least 1, got 0"):
        image_folder(0, folder=str(tmp_path), size=0)


def test_the_tables_that_come_along_have_their_sizes() -> None:
    for load, shape, classes in ((breast_cancer, (569, 30), 2), (digits, (1797, 64), 10), (wine, (178, 13), 3)):
        found = load(0)
        assert found.validation is not None
        every = torch.cat([part.x for part in (found.train, found.validation, found.test)])
        assert every.shape == shape
        assert int(found.train.y.max()) == classes - 1
        assert not torch.equal(load(1).test.x, found.test.x)
