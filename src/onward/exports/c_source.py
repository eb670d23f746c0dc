"""A trained mesh as one file of C99 that needs nothing else, for machines that have no Python.

Only the edges are written, row by row of their targets; the state lives on the stack and no memory is asked for. Every
number is written so that it reads back exactly.
"""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence

import numpy as np
import torch

from onward.exports import c_text, checks
from onward.nets.mesh import MeshNet
from onward.nets.standardise import Standardise

SCALED = {"input": "standardised", "output": "taken back to their own units"}


def to_c(
    net: MeshNet,
    *,
    inputs: Standardise | None = None,
    outputs: Standardise | None = None,
    name: str = "mesh",
    classes: Sequence[str] | None = None,
) -> str:
    """Give a net as the text of a C file.

    With the name `mesh` it defines

        #define MESH_FEATURES, MESH_OUTPUTS
        void mesh(const float in[], float out[]);    the outputs of one example; double for a net in float64
        int mesh_class(const float in[]);            the number of the largest output, the first of equals

    and, compiled with `-DMESH_MAIN`, a program that reads rows of numbers and prints the outputs of each.

    Args:
        net: a single net in float32 or float64, with activations of onward's own.
        inputs: scaling that is applied to the data before.
        outputs: scaling that is undone after.
        name: of the function, and what all other names begin with.
        classes: a name for every output; the file then holds `const char *const mesh_classes[]`, and the program prints the
            class behind the outputs.

    Raises:
        ValueError: a name that C cannot take, another number of classes, or what `to_module` refuses, an activation of
            one's own, another dtype.
    """
    checks.one_net(net)
    hidden, output = checks.named_activations(net, "C")
    double = checks.real_dtype(net.weight, "C") == torch.float64
    before, after = checks.scalings(net.weight, net.topology.features, net.topology.outputs, inputs, outputs)
    _check_name(name)
    topology = net.topology
    if classes is not None and len(classes) != topology.outputs:
        raise ValueError(f"classes must name all {topology.outputs} outputs, got {len(classes)}")
    upper, real = name.upper(), "double" if double else "float"
    inner = topology.free - topology.outputs
    acting = {"hidden": hidden, "output": output} if inner else {"output": output}
    library = not set(acting.values()) <= c_text.WITHOUT_LIBRARY
    scales = {"input": before, "output": after}
    scaled = [f"{role}s are {what}" for role, what in SCALED.items() if scales[role] is not None]
    return c_text.FILE.substitute(
        name=name,
        NAME=upper,
        real=real,
        about=f"{topology};\n * ticks {net.ticks}, {net.activation.name}",
        needs="only <math.h>" if library else "no library",
        link=" -lm" if library else "",
        include="#include <math.h>\n\n" if library else "",
        features=_counted(topology.features, "number"),
        outputs=_counted(topology.outputs, "number"),
        features_count=topology.features,
        outputs_count=topology.outputs,
        neurons=topology.neurons,
        fixed=topology.fixed,
        free=topology.free,
        ticks=net.ticks,
        counter="unsigned int" if max(topology.edges, topology.neurons, net.ticks) <= 65535 else "unsigned long",
        scaled=f" Scaling is inside: {', '.join(scaled)}." if scaled else "",
        declare_classes=f"\n *     extern const char *const {name}_classes[];" if classes else "",
        classes=_classes(name, upper, classes) if classes else "",
        arrays=_arrays(net, name, real, scales),
        functions="".join(_function(name, role, real, activation) for role, activation in acting.items()),
        given=f"(in[k] - {name}_input_shift[k]) / {name}_input_scale[k]" if before else "in[k]",
        bias=f"    state[{upper}_FEATURES] = 1;\n" if topology.bias else "",
        act=_act(name, upper, inner > 0),
        read=f"state[{upper}_NEURONS - {upper}_OUTPUTS + k]"
        + (f" * {name}_output_scale[k] + {name}_output_shift[k]" if after else ""),
        scan="%lf" if double else "%f",
        print="%.17g" if double else "%.9g",
        say=f'        printf(" %s", {name}_classes[{name}_class(in)]);\n' if classes else "",
    )


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        raise ValueError(f"name must be a C identifier (letters, digits, _, a letter first), got {name!r}")
    if name in c_text.TAKEN:
        raise ValueError(f"name must be a C identifier that is free, got {name!r}, which C or the file itself uses")


def _arrays(net: MeshNet, name: str, real: str, scales: dict[str, Standardise | None]) -> str:
    """Write the edges as compressed rows of their targets, and the scaling."""
    topology = net.topology
    order = np.argsort(topology.target, kind="stable")
    into = np.bincount(topology.target - topology.fixed, minlength=topology.free)
    rows = np.concatenate([[0], np.cumsum(into)]).tolist()
    weight = net.weight.detach().cpu()[torch.from_numpy(order)]
    text = _array(_smallest(topology.edges), f"{name}_row", map(str, rows))
    text += _array(_smallest(topology.neurons), f"{name}_source", map(str, topology.source[order].tolist()))
    text += _array(real, f"{name}_weight", (_literal(value, real) for value in weight.tolist()))
    for role, scaling in scales.items():
        for part, values in ({} if scaling is None else scaling._asdict()).items():
            text += _array(real, f"{name}_{role}_{part}", (_literal(value, real) for value in values.tolist()))
    return text


def _array(kind: str, name: str, values: Iterable[str]) -> str:
    lines = textwrap.fill(", ".join(values), 100, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)
    return f"static const {kind} {name}[] = {{\n{lines}\n}};\n"


def _smallest(largest: int) -> str:
    """The smallest unsigned type of C that is sure to hold a number."""
    return "unsigned char" if largest <= 255 else "unsigned short" if largest <= 65535 else "unsigned long"


def _literal(value: float, real: str) -> str:
    """Write a number so that C reads the very same one; without a point, -0 would be a whole number and lose its sign."""
    text = f"{value:.17g}" if real == "double" else f"{value:.9g}"
    text = text if "." in text or "e" in text else f"{text}.0"
    return text if real == "double" else f"{text}f"


def _function(name: str, role: str, real: str, activation: str) -> str:
    words = {key: _literal(value, real) for key, value in (("half", 0.5), ("sqrt_half", math.sqrt(0.5)))}
    body = c_text.ACTIVATIONS[activation].substitute(words, f="" if real == "double" else "f")
    return f"static {real} {name}_{role}({real} z)\n{{\n    return {body};\n}}\n\n"


def _act(name: str, upper: str, inner: bool) -> str:
    """Write how a drive becomes an activity; a test for hidden neurons where there are none would make compilers warn."""
    body = f"{name}_output(next[k])"
    if inner:
        body = f"k < {upper}_FREE - {upper}_OUTPUTS ? {name}_hidden(next[k]) : {body}"
    return f"        for (k = 0; k < {upper}_FREE; k++)\n            state[{upper}_FIXED + k] = {body};\n"


def _classes(name: str, upper: str, classes: Sequence[str]) -> str:
    lines = "".join(f'    "{_escaped(text)}",\n' for text in classes)
    return (
        f"extern const char *const {name}_classes[{upper}_OUTPUTS];\n\n"
        f"const char *const {name}_classes[{upper}_OUTPUTS] = {{\n{lines}}};\n"
    )


def _escaped(text: str) -> str:
    """Write text as the inside of a C string: UTF-8, with all that C could take amiss as octal numbers."""
    plain = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-.,:()"
    return "".join(chr(byte) if byte in plain else f"\\{byte:03o}" for byte in text.encode())


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")
