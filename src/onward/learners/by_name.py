"""Every rule for layered nets by name, with what it can do: the one place that a new rule is entered in.

A rule is a value: how it teaches a net, and what it needs of the data. So what compares rules knows none in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch

from onward.kernels.losses import Loss
from onward.learners.backprop import Backprop
from onward.learners.base import AbstractLearner
from onward.learners.deep_supervision import DeepSupervision
from onward.learners.direct_feedback_alignment import DirectFeedbackAlignment
from onward.learners.feedback_alignment import FeedbackAlignment
from onward.learners.forward_forward import ForwardForward
from onward.learners.joint import Joint
from onward.learners.layer_collaboration import LayerCollaboration
from onward.learners.local_similarity import LocalSimilarity
from onward.learners.mono_forward import MonoForward
from onward.learners.one_pass_forward_forward import OnePassForwardForward
from onward.learners.symba import SymBa
from onward.naming import suggest
from onward.nets.layered import LayeredNet
from onward.nets.readouts import total

Teach = Callable[[LayeredNet, Loss, torch.Generator], AbstractLearner]

# Of tables, whose nets are narrow: there the threshold of a neuron that learns pictures fast leaves blocks unsure of wrong labels.
NARROW = {"threshold": 1.0, "strength": 1.0}
PATTERN = 16  # numbers that SymBa appends to the columns of a table, which are few


@dataclass(frozen=True)
class Rule:
    """A way to teach a layered net.

    Attributes:
        name: short, as on the command line.
        title: in words.
        teach: makes the learner of a net with a head, given a loss and a source of what the rule draws.
        numbers: whether it can predict numbers; all predict classes.
        blank: whether it writes the label over the first inputs, which then have to carry nothing else.
        appended: how many numbers it appends to the inputs that it is given, so that its net takes as many more.
        calibrated: whether its scores of classes are log-odds, so that a log loss says something about them.
    """

    name: str
    title: str
    teach: Teach = field(repr=False)
    numbers: bool = False
    blank: bool = False
    appended: int = 0
    calibrated: bool = True


def rule(name: str) -> Rule:
    """Give the rule of a name.

    Raises:
        ValueError: an unknown name.
    """
    if name not in RULES:
        raise ValueError(f"unknown rule {name!r}, expected one of {', '.join(RULES)}{suggest(name, RULES)}")
    return RULES[name]


def _by_loss(kind: Callable[..., AbstractLearner], net: LayeredNet, loss: Loss, _: torch.Generator) -> AbstractLearner:
    return kind(net, loss)


def _by_labels(kind: Callable[..., AbstractLearner], net: LayeredNet, _: Loss, drawn: torch.Generator) -> AbstractLearner:
    return kind(net, generator=drawn)


def _rules() -> Mapping[str, Rule]:
    def by_loss(kind: Callable[..., AbstractLearner]) -> Teach:
        return partial(_by_loss, kind)

    def by_labels(kind: Callable[..., AbstractLearner]) -> Teach:
        return partial(_by_labels, kind)

    written = {"blank": True, "calibrated": False}  # labels are written over inputs, goodness is summed
    found = (
        Rule("bp", "backpropagation", by_loss(Backprop), numbers=True),
        Rule("mf", "Mono-Forward", by_loss(MonoForward), numbers=True),
        Rule("mf-sum", "Mono-Forward, read from all blocks", by_loss(partial(MonoForward, readout=total))),
        Rule("fa", "feedback alignment", by_loss(FeedbackAlignment), numbers=True),
        Rule("dfa", "direct feedback alignment", by_loss(DirectFeedbackAlignment), numbers=True),
        Rule("ff", "Forward-Forward", by_labels(partial(ForwardForward, **NARROW)), **written),
        Rule("one-pass-ff", "one-pass Forward-Forward", by_labels(partial(OnePassForwardForward, **NARROW)), blank=True),
        Rule("symba", "SymBa", by_labels(partial(SymBa, pattern=PATTERN)), appended=PATTERN, calibrated=False),
        Rule("collaboration", "layer collaboration", by_labels(partial(LayerCollaboration, **NARROW)), **written),
        Rule("sim", "local similarity alone", by_loss(partial(LocalSimilarity, weight=1.0))),
        Rule("predsim", "local predictions and similarity", by_loss(LocalSimilarity)),
        Rule("joint", "Mono-Forward's losses, summed over the net", by_loss(Joint), numbers=True),
        Rule("deep-supervision", "deep supervision", by_loss(DeepSupervision), numbers=True),
    )
    return {one.name: one for one in found}


RULES = _rules()
