"""Operations of PyTorch and their likes in ONNX, each written by a function of its arguments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from torch.fx import Node

from onward.exports.onnx_writer import Writer

Given = Sequence[Any]  # arguments of an operation: nodes and plain values
Like = Callable[[Writer, Node, Given], str]  # writes an operation; gives the name of what comes of it


def _shape(node: Any) -> list[Any]:
    return list(node.meta["val"].shape)


def _linear(w: Writer, node: Node, given: Given) -> str:
    x, weight, bias = given
    y = w.build.add("MatMul", w.name(x), w.held(weight, turned=True))
    return y if bias is None else w.build.add("Add", y, w.held(bias))


def _check_single(w: Writer, does: str) -> None:
    if w.build.dtype.itemsize != 4:
        raise ValueError(f"onnxruntime {does} in float32 only, and this net is in float64; net.float() converts it")


def _convolution(w: Writer, node: Node, given: Given) -> str:
    _check_single(w, "convolves")
    x, weight, bias, stride, padding, dilation, groups = given
    kernel = _shape(weight)[2:]
    stride, dilation = (list(one) * (len(kernel) // len(one)) for one in (stride, dilation))
    if isinstance(padding, str):
        short = [d * (k - 1) if padding == "same" else 0 for d, k in zip(dilation, kernel, strict=True)]
        pads = [*(one // 2 for one in short), *(one - one // 2 for one in short)]
    else:
        pads = [*padding, *padding] if len(padding) == len(kernel) else list(padding) * 2 * len(kernel)
    reads = [w.name(x), w.held(weight), *([] if bias is None else [w.held(bias)])]
    return w.build.add("Conv", *reads, strides=stride, pads=pads, dilations=dilation, group=groups, kernel_shape=kernel)


def _batch_norm(w: Writer, node: Node, given: Given) -> str:
    x, weight, bias, mean, variance, _, epsilon = given
    size = len(w.weights[mean.name])
    scale = w.build.constant(f"ones_{size}", np.ones(size)) if weight is None else w.held(weight)
    shift = w.build.constant(f"zeros_{size}", np.zeros(size)) if bias is None else w.held(bias)
    return w.build.add("BatchNormalization", w.name(x), scale, shift, w.held(mean), w.held(variance), epsilon=epsilon)


def _layer_norm(w: Writer, node: Node, given: Given) -> str:
    x, shape, weight, bias, epsilon = given[:5]
    scale = w.build.constant(f"ones_{list(shape)}", np.ones(shape)) if weight is None else w.held(weight)
    reads = [w.name(x), scale, *([] if bias is None else [w.held(bias)])]
    return w.build.add("LayerNormalization", *reads, axis=-len(shape), epsilon=epsilon)


def _reshape(w: Writer, node: Node, given: Given) -> str:
    sizes = [size if isinstance(size, int) else -1 for size in _shape(node)]
    if sizes.count(-1) > 1:
        raise ValueError(f"ONNX is written for nets with one size that is not known, that of the batch, got {sizes}")
    return w.build.add("Reshape", w.name(given[0]), w.build.constant(f"shape_{sizes}", sizes, np.int64))


def _permute(w: Writer, node: Node, given: Given) -> str:
    axes = len(_shape(given[0]))
    return w.build.add("Transpose", w.name(given[0]), perm=[one % axes for one in given[1]])


def _transpose(w: Writer, node: Node, given: Given) -> str:
    x, *two = given
    order = list(range(len(_shape(x))))
    one, other = (axis % len(order) for axis in two)
    order[one], order[other] = other, one
    return w.build.add("Transpose", w.name(x), perm=order)


def _pooling(kind: str) -> Like:
    def write(w: Writer, node: Node, given: Given) -> str:
        _check_single(w, "pools")
        if kind == "AveragePool":
            x, kernel, stride, padding, up, counted, divisor = given
            more: dict[str, Any] = {"count_include_pad": int(counted)}
        else:
            (x, kernel, stride, padding, dilation, up), divisor = given, None
            more = {"dilations": list(dilation) * (2 // len(dilation))}
        if up or divisor is not None:
            raise ValueError("ONNX is written without pooling that rounds sizes up or has a divisor of its own")
        kernel, padding = (list(one) * (2 // len(one)) for one in (kernel, padding))
        stride = list(stride) * (2 // len(stride)) if stride else kernel
        return w.build.add(kind, w.name(x), kernel_shape=kernel, strides=stride, pads=[*padding, *padding], **more)

    return write


def _adaptive_pooling(w: Writer, node: Node, given: Given) -> str:
    _check_single(w, "pools")
    x, wanted = given
    sizes = _shape(x)[2:]
    wanted = [size if one is None else one for one, size in zip(list(wanted) * (2 // len(wanted)), sizes, strict=True)]
    if any(size % one for size, one in zip(sizes, wanted, strict=True)):
        raise ValueError(f"ONNX is written with adaptive pooling into equal windows, got {sizes} into {wanted}")
    kernel = [size // one for size, one in zip(sizes, wanted, strict=True)]
    return w.build.add("AveragePool", w.name(x), kernel_shape=kernel, strides=kernel)


def _mean(w: Writer, node: Node, given: Given) -> str:
    x, axes, keep = given[:3]
    return w.build.add("ReduceMean", w.name(x), axes=[axis % len(_shape(x)) for axis in axes], keepdims=int(keep))


def _gelu(w: Writer, node: Node, given: Given) -> str:
    if given[1] != "none":
        raise ValueError(f"ONNX is written with GELU as it is defined, got its approximation {given[1]!r}")
    return w.build.gelu(w.name(given[0]))


def _slice(w: Writer, node: Node, given: Given) -> str:
    x, axis, first, last, step = given
    ends = (first or 0, min(last if isinstance(last, int) else 2**62, 2**62), axis, step)
    return w.build.add("Slice", w.name(x), *(w.build.constant(f"at_{one}", [one], np.int64) for one in ends))


def _plain(kind: str, **renamed: int) -> Like:
    """One operation of the same meaning, with settings taken from places of the arguments."""

    def write(w: Writer, node: Node, given: Given) -> str:
        settings: dict[str, Any] = {name: float(given[k]) for name, k in renamed.items()}
        return w.build.add(kind, w.name(given[0]), **settings)

    return write


def _clamp(w: Writer, node: Node, given: Given) -> str:
    x, least, most = given
    ends = ("" if one is None else w.build.constant(f"end_{one}", one) for one in (least, most))
    return w.build.add("Clip", w.name(x), *ends)


def _scaled(w: Writer, x: Any, factor: float) -> str:
    """Multiply by one number, written as several: onnxruntime joins one number with a matrix product, in float32."""
    last = _shape(x)[-1]
    if last == 1:
        return w.build.add("MatMul", w.name(x), w.build.constant(f"times_{factor}", [[factor]]))
    return w.build.add("Mul", w.name(x), w.build.constant(f"times_{factor}_{last}", np.full(last, factor)))


def _of_two(kind: str) -> Like:
    def write(w: Writer, node: Node, given: Given) -> str:
        if len(given) > 2 and given[2] not in (None, 1):
            raise ValueError(f"ONNX is written without a factor in {kind.lower()}, got {given[2]}")
        factor = w.single(given[1]) if kind in ("Mul", "Div") and w.build.dtype.itemsize == 8 else None
        if factor is not None:
            return _scaled(w, given[0], factor if kind == "Mul" else 1 / factor)
        return w.build.add(kind, w.name(given[0]), w.name(given[1]))

    return write


def _elu(w: Writer, node: Node, given: Given) -> str:
    x, alpha, *scales = given
    if any(one != 1 for one in scales):
        raise ValueError(f"ONNX is written without scales of ELU, got {scales}")
    return w.build.add("Elu", w.name(x), alpha=float(alpha))


def _silu(w: Writer, node: Node, given: Given) -> str:
    x = w.name(given[0])
    return w.build.add("Mul", x, w.build.add("Sigmoid", x))


def _same(w: Writer, node: Node, given: Given) -> str:
    return w.name(given[0])


def _prelu(w: Writer, node: Node, given: Given) -> str:
    x, slope = given
    values = w.weights[slope.name].detach().cpu().numpy()
    shaped = values.reshape(-1, *[1] * (len(_shape(x)) - 2)) if values.size > 1 else values
    return w.build.add("PRelu", w.name(x), w.build.constant(f"{slope.name}_shaped", shaped))


LIKES: dict[str, Like] = {
    "aten.linear.default": _linear,
    "aten.conv1d.default": _convolution,
    "aten.conv2d.default": _convolution,
    "aten.conv1d.padding": _convolution,
    "aten.conv2d.padding": _convolution,
    "aten._native_batch_norm_legit_no_training.default": _batch_norm,
    "aten.native_layer_norm.default": _layer_norm,
    "aten.layer_norm.default": _layer_norm,
    "aten.relu.default": _plain("Relu"),
    "aten.tanh.default": _plain("Tanh"),
    "aten.sigmoid.default": _plain("Sigmoid"),
    "aten.elu.default": _elu,
    "aten.leaky_relu.default": _plain("LeakyRelu", alpha=1),
    "aten.silu.default": _silu,
    "aten.clamp.default": _clamp,
    "aten.hardtanh.default": _clamp,
    "aten.gelu.default": _gelu,
    "aten.prelu.default": _prelu,
    "aten._prelu_kernel.default": _prelu,
    "aten.add.Tensor": _of_two("Add"),
    "aten.sub.Tensor": _of_two("Sub"),
    "aten.mul.Tensor": _of_two("Mul"),
    "aten.div.Tensor": _of_two("Div"),
    "aten.view.default": _reshape,
    "aten.reshape.default": _reshape,
    "aten._unsafe_view.default": _reshape,
    "aten.flatten.using_ints": _reshape,
    "aten.unflatten.int": _reshape,
    "aten.unsqueeze.default": _reshape,
    "aten.squeeze.dims": _reshape,
    "aten.permute.default": _permute,
    "aten.transpose.int": _transpose,
    "aten.slice.Tensor": _slice,
    "aten.max_pool2d.default": _pooling("MaxPool"),
    "aten.max_pool2d_with_indices.default": _pooling("MaxPool"),
    "aten.avg_pool2d.default": _pooling("AveragePool"),
    "aten.adaptive_avg_pool2d.default": _adaptive_pooling,
    "aten._adaptive_avg_pool2d.default": _adaptive_pooling,
    "aten.mean.dim": _mean,
    "aten.clone.default": _same,
    "aten.alias.default": _same,
    "aten.detach.default": _same,
}
