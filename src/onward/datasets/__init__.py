"""Real data sets: found on the disk or fetched, checked, and parted into what is learned from, chosen by and judged on."""

from onward.datasets.errors import DataUnavailable as DataUnavailable
from onward.datasets.images import cifar10 as cifar10
from onward.datasets.images import cifar100 as cifar100
from onward.datasets.images import fashion_mnist as fashion_mnist
from onward.datasets.images import mnist as mnist
from onward.training.datasets import blobs as blobs
from onward.training.datasets import circles as circles
from onward.training.datasets import double_blobs as double_blobs
from onward.training.datasets import iris as iris
from onward.training.datasets import mixture as mixture
from onward.training.datasets import moons as moons
from onward.training.datasets import noisy_spirals as noisy_spirals
from onward.training.datasets import spirals as spirals
