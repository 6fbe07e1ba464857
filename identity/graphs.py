"""Graph surgery for the face pack: ONNX bytes in, ONNX bytes out. Pure and deterministic.

- `fold_blocks`: weights kept as int8 blocks become float32 constants.
- `detector`: YuNet's twelve outputs become the nine that insightface's SCRFD reader knows.
- `recogniser`: SFace keeps one input; its weights stop being listed as inputs.

It knows nothing of files, insightface or faces. `onnx` is the only library used.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

STRIDES = (8, 16, 32)  # pixels per cell of YuNet's three grids


def recogniser(source: bytes) -> bytes:
    """Make SFace loadable: float32 weights, and `data` as its only input."""
    model = onnx.load_from_string(source)
    fold_blocks(model.graph)
    return _serialise(model)


def detector(source: bytes) -> bytes:
    """Rewrite YuNet to what SCRFD's reader expects (RGB in; scores, boxes, points out).

    A YuNet cell gives class and object scores, a box (offset, log size) and 5 points; SCRFD has
    two anchors per cell and wants one score and the distances left, top, right, bottom, in strides.
    """
    model = onnx.load_from_string(source)
    graph = model.graph
    fold_blocks(graph)
    image = graph.input[0]
    for node in graph.node:
        node.input[:] = ["bgr" if name == image.name else name for name in node.input]
    _constants(
        graph,
        channels=np.array([2, 1, 0], np.int64),
        two_and_two=np.array([2, 2], np.int64),
        zero=np.float32(0),
        half=np.float32(0.5),
        one=np.float32(1),
        shape_1=np.array([1, -1, 1], np.int64),
        shape_4=np.array([1, -1, 4], np.int64),
        shape_10=np.array([1, -1, 10], np.int64),
    )
    swap = helper.make_node("Gather", [image.name, "channels"], ["bgr"], axis=1)
    nodes = [swap, *graph.node]
    outputs: dict[str, int] = {}
    for stride in STRIDES:
        nodes += _head(stride)
    for kind, width in (("score", 1), ("box", 4), ("points", 10)):
        outputs |= {f"{kind}_{stride}": width for stride in STRIDES}
    del graph.node[:], graph.output[:], graph.value_info[:]
    graph.node.extend(nodes)
    for name, width in outputs.items():
        shape = [1, None, width]
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
    # The network is convolutional: it may look at any size that is a multiple of 32.
    for axis, name in ((2, "height"), (3, "width")):
        image.type.tensor_type.shape.dim[axis].dim_param = name
    return _serialise(model)


def fold_blocks(graph: onnx.GraphProto) -> None:
    """Replace every DequantizeLinear of a constant, and the Reshape after it, by a constant."""
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and all(name in known for name in node.input):
            options = {item.name: item.i for item in node.attribute}
            known[node.output[0]] = _dequantise(*(known[name] for name in node.input), **options)
        elif node.op_type == "Reshape" and all(name in known for name in node.input):
            known[node.output[0]] = known[node.input[0]].reshape(known[node.input[1]])
        else:
            kept.append(node)
    needed = {name for node in kept for name in node.input}
    inputs = [item for item in graph.input if item.name in needed and item.name not in known]
    constants = [name for name in known if name in needed]
    del graph.node[:], graph.initializer[:], graph.input[:]
    graph.node.extend(kept)
    graph.input.extend(inputs)
    graph.initializer.extend(numpy_helper.from_array(known[name], name) for name in constants)


def _dequantise(
    values: NDArray[np.int8],
    scales: NDArray[np.float32],
    zeros: NDArray[np.int8],
    axis: int = 1,
    block_size: int = 0,
) -> NDArray[np.float32]:
    """Do what ONNX's blocked DequantizeLinear does: one scale and zero for each block."""
    length = values.shape[axis]
    place = np.arange(length) // (block_size or length)
    steps = values.astype(np.int32) - zeros.astype(np.int32).take(place, axis=axis)
    return np.asarray(steps * scales.take(place, axis=axis), np.float32)


def _head(stride: int) -> list[onnx.NodeProto]:
    """The nodes that turn one grid of YuNet into one level of SCRFD."""
    at = f"_{stride}"
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, inputs: list[str], output: str, **options: int) -> str:
        nodes.append(helper.make_node(kind, inputs, [output + at], **options))
        return output + at

    face = add("Clip", ["cls" + at, "zero", "one"], "face")
    thing = add("Clip", ["obj" + at, "zero", "one"], "thing")
    score = add("Sqrt", [add("Mul", [face, thing], "product")], "single_score")
    nodes.append(
        helper.make_node(
            "Split", ["bbox" + at, "two_and_two"], ["centre" + at, "size" + at], axis=2
        )
    )
    reach = add("Mul", [add("Exp", ["size" + at], "extent"), "half"], "reach")
    left_top = add("Sub", [reach, "centre" + at], "left_top")
    right_bottom = add("Add", [reach, "centre" + at], "right_bottom")
    box = add("Concat", [left_top, right_bottom], "single_box", axis=2)
    # The second anchor of every cell repeats the first with score 0, so it is never chosen.
    none = add("Mul", [score, "zero"], "none")
    pairs = {"score": (score, none, 1), "box": (box, box, 4), "points": ("kps" + at,) * 2 + (10,)}
    for kind, (first, second, width) in pairs.items():
        doubled = add("Concat", [first, second], kind + "_twice", axis=2)
        add("Reshape", [doubled, f"shape_{width}"], kind)
    return nodes


def _constants(graph: onnx.GraphProto, **values: NDArray[np.generic] | np.generic) -> None:
    graph.initializer.extend(
        numpy_helper.from_array(np.asarray(value), name) for name, value in values.items()
    )


def _serialise(model: onnx.ModelProto) -> bytes:
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))
