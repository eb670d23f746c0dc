"""Blocks of a net kept on disk: one at a time is in memory, so memory does not grow with depth."""

from onward.offload.blueprint import Blueprint as Blueprint
from onward.offload.blueprint import perceptron as perceptron
from onward.offload.folder import create as create
from onward.offload.folder import opened as opened
from onward.offload.learner import Offloaded as Offloaded
from onward.offload.training import running as running
from onward.offload.training import train as train
