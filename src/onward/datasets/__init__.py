"""Real data sets: found on the disk or fetched, checked, and parted into what is learned from, chosen by and judged on."""

from onward.datasets.augment import crop as crop
from onward.datasets.augment import crop_and_flip as crop_and_flip
from onward.datasets.augment import flip as flip
from onward.datasets.errors import DataUnavailable as DataUnavailable
from onward.datasets.images import cifar10 as cifar10
from onward.datasets.images import cifar100 as cifar100
from onward.datasets.images import fashion_mnist as fashion_mnist
from onward.datasets.images import mnist as mnist
from onward.datasets.own import arrays as arrays
from onward.datasets.own import image_folder as image_folder
from onward.datasets.small import breast_cancer as breast_cancer
from onward.datasets.small import digits as digits
from onward.datasets.small import wine as wine
from onward.datasets.texts import imdb_counts as imdb_counts
from onward.datasets.texts import imdb_tfidf as imdb_tfidf
from onward.training.datasets import blobs as blobs
from onward.training.datasets import circles as circles
from onward.training.datasets import double_blobs as double_blobs
from onward.training.datasets import iris as iris
from onward.training.datasets import mixture as mixture
from onward.training.datasets import moons as moons
from onward.training.datasets import noisy_spirals as noisy_spirals
from onward.training.datasets import spirals as spirals
