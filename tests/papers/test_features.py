"""The autoencoder's 32 features: their shape, that they are a function of data and seed, and that they are made once."""

from pathlib import Path

import numpy as np
import pytest
import torch

from onward.datasets import images
from onward.papers.mesh_neural_networks import features
from onward.papers.mesh_neural_networks.autoencoder import Autoencoder, Settings, trained
from onward.papers.mesh_neural_networks.features import encoded
from onward.training.data import Dataset
from tests.datasets import made

QUICK = Settings(epochs=1, batch=16)
X = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))


def drawn(seed: int = 0) -> Autoencoder:
    return Autoencoder(torch.Generator().manual_seed(seed))


def test_a_picture_becomes_32_numbers_and_a_picture_again() -> None:
    net = drawn()
    assert net.features(X).shape == (7, 32)
    assert net.features(X).min() >= 0
    assert net(X).shape == X.shape
    assert net(10 * X).abs().max() <= 1


def test_layers_are_those_of_the_paper() -> None:
    """Weights and biases by layer: kernels and channels of section 4.2."""
    counts = [sum(one.numel() for one in layer.parameters()) for part in drawn().children() for layer in part.children()]
    kernels = (9 * 1 * 16 + 16, 9 * 16 * 8 + 8, 9 * 8 * 16 + 16, 25 * 16 * 8 + 8, 4 * 8 * 1 + 1)
    assert [count for count in counts if count] == list(kernels)


def test_first_weights_are_bounded_as_those_of_pytorchs_layers() -> None:
    for layer in (drawn().encoder[3], drawn().decoder[3]):
        weight, bias = (parameter.detach() for parameter in layer.parameters())
        fan_in, _ = torch.nn.init._calculate_fan_in_and_fan_out(weight)
        assert 0.98 * fan_in**-0.5 < weight.abs().max() <= fan_in**-0.5
        assert bias.abs().max() <= fan_in**-0.5


def test_the_seed_alone_decides_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    one, again, other = (trained(X, seed, QUICK) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.features(X), again.features(X))
    assert not torch.equal(one.features(X), other.features(X))


def test_training_lowers_the_error_of_decoded_pictures() -> None:
    assert trained(X, 0, Settings(epochs=60, batch=7)).error(X) < 0.9 * drawn().error(X)


def test_the_error_is_the_mean_over_all_numbers() -> None:
    net = drawn()
    assert net.error(X) == pytest.approx(float((net(X) - X).detach().square().mean()), rel=1e-5)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """MNIST of 60 and 20 random pictures, and an empty cache."""
    made.write(tmp_path / "own" / "mnist", made.mnist_files(count=60, test=20))
    monkeypatch.setenv("ONWARD_DATA", str(tmp_path / "own"))
    monkeypatch.setenv("ONWARD_CACHE", str(tmp_path / "cache"))
    forget()
    return tmp_path


def forget() -> None:
    """As a new process would."""
    features._features.cache_clear()
    images._decoded.cache_clear()


def load(seed: int = 0, autoencoder: int = 0, **settings: int | bool | None) -> Dataset:
    return encoded(seed, pictures="mnist", autoencoder=autoencoder, settings=QUICK, **{"validation": 20, **settings})  # type: ignore[arg-type]


def test_features_are_parted_and_scaled_by_what_is_learned_from(folder: Path) -> None:
    data = load()
    assert data.validation is not None
    assert [len(part) for part in (data.train, data.validation, data.test)] == [40, 20, 20]
    assert data.train.x.shape == (40, 32)
    assert data.validation.y.bincount().tolist() == [2] * 10
    varied = data.train.x.std(0) > 0
    torch.testing.assert_close(data.train.x.mean(0), torch.zeros(32), rtol=0, atol=1e-5)
    torch.testing.assert_close(data.train.x[:, varied].std(0, correction=0), torch.ones(int(varied.sum())))
    plain = load(standardise=False)
    assert plain.train.x.min() >= 0
    assert not torch.equal(plain.train.x, data.train.x)


def test_fewer_can_be_learned_from_by_all_classes_alike(folder: Path) -> None:
    data, whole = load(learned=20, standardise=False), load(standardise=False)
    assert data.validation is not None
    assert whole.validation is not None
    assert data.train.y.bincount().tolist() == [2] * 10
    rows = {tuple(row) for row in whole.train.x.tolist()}
    assert all(tuple(row) in rows for row in data.train.x.tolist())
    assert torch.equal(data.validation.x, whole.validation.x)


def test_features_are_made_once_for_all_trials_and_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load(seed=0)
    forget()
    monkeypatch.setattr(features, "trained", None)  # whoever trains again fails
    again, other = load(seed=0), load(seed=1)
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test.y, other.test.y)
    assert not torch.equal(first.train.y, other.train.y)
    with pytest.raises(TypeError):
        load(autoencoder=1)


@pytest.mark.parametrize("what", ["autoencoder", "settings", "pictures"])
def test_features_of_other_seeds_settings_and_pictures_are_others(folder: Path, what: str) -> None:
    first = load()
    forget()
    if what == "autoencoder":
        other = load(autoencoder=1)
    elif what == "settings":
        other = encoded(0, pictures="mnist", settings=Settings(epochs=2, batch=16), validation=20)
    else:
        made.write(folder / "own" / "mnist", made.mnist_files(count=60, test=20, seed=5))
        other = load()
    assert not torch.equal(first.test.x, other.test.x)
    assert len(list((folder / "cache" / "derived").glob("autoencoder-mnist-*.npz"))) == 2


def test_a_damaged_file_of_features_is_made_anew(folder: Path) -> None:
    first = load()
    (path,) = (folder / "cache" / "derived").iterdir()
    path.write_bytes(path.read_bytes()[:100])
    forget()
    assert torch.equal(load().train.x, first.train.x)
    assert len(path.read_bytes()) > 1000


def test_pictures_are_scaled_as_the_authors_code_scales_them() -> None:
    x = np.array([0, 255], dtype=np.uint8).reshape(2, 1, 1, 1)
    torch.testing.assert_close(
        features.scaled(x, features.SCALES["mnist"]).flatten(), torch.tensor([-0.42421296, 2.8214867])
    )
    torch.testing.assert_close(features.scaled(x, features.SCALES["fashion-mnist"]).flatten(), torch.tensor([0.0, 1.0]))


def test_other_pictures_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown pictures 'cifar-10', expected one of mnist, fashion-mnist"):
        encoded(0, pictures="cifar-10")
