"""The trained network as ONNX with eight-bit weights, in two parts, as `bot.deid.tagger` runs it.

One text at a time, so that nothing is padded or masked. The last layers are costly: the second part takes the
numbers of the pieces that the first part of it updates (`near`) and, among those, of the pieces whose tags
are wanted (`chosen`); the others are only looked at.
"""

from __future__ import annotations

import shutil
import tempfile
from itertools import accumulate
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn
from torch.nn import functional

from bot.deid.pieces import FEATURES
from training.network import HEADS, WIDTH, Above, Below, Layer, Network, pretrained

OPSET = 17


def export(network: Network, folder: Path) -> None:
    """Write `below.onnx`, `above.onnx` and `vocabulary.txt` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    network.eval()
    ids = torch.arange(9)
    features = torch.ones(9, len(FEATURES), dtype=torch.long)
    state = torch.zeros(9, WIDTH)
    _write(
        _Below(network.below),
        {"ids": ids, "features": features},
        ("state", "guess"),
        folder / "below.onnx",
    )
    _write(
        _Above(network.above),
        {"state": state, "near": ids[2:7], "chosen": ids[1:4]},
        ("logits",),
        folder / "above.onnx",
    )
    shutil.copy(pretrained() / "vocab.txt", folder / "vocabulary.txt")


class _Below(nn.Module):
    """`Below` for the pieces of one text."""

    def __init__(self, below: Below) -> None:
        super().__init__()
        self.below = below
        # One table instead of many: that many small steps take as long as a layer's attention.
        self.begins = torch.tensor([0, *accumulate(FEATURES[:-1])])
        self.table = torch.cat([table.weight.detach() for table in below.features])

    def forward(self, ids: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        below = self.below
        told = functional.embedding(features + self.begins, self.table).sum(1)
        state = below.norm(below.pieces(ids) + below.places(torch.arange(ids.shape[0])) + told)
        for layer in below.layers:
            state = _updated(layer, state)
        return state, below.head(state)


class _Above(nn.Module):
    """`Above` for some of the pieces of one text."""

    def __init__(self, above: Above) -> None:
        super().__init__()
        self.above = above

    def forward(self, state: Tensor, near: Tensor, chosen: Tensor) -> Tensor:
        first, *middle, last = self.above.layers
        state = _updated(first, state[near], state)
        for layer in middle:
            state = _updated(layer, state)
        return self.above.head(_updated(last, state[chosen], state))  # type: ignore[no-any-return]


def _updated(layer: nn.Module, state: Tensor, seen: Tensor | None = None) -> Tensor:
    """What a layer makes of pieces that look at others, or at each other; all (pieces, WIDTH)."""
    assert isinstance(layer, Layer)
    if seen is None:
        query, key, value = layer.mixed(state).chunk(3, -1)
    else:
        weight, bias = layer.mixed.weight, layer.mixed.bias
        query = functional.linear(state, weight[:WIDTH], bias[:WIDTH])
        key, value = functional.linear(seen, weight[WIDTH:], bias[WIDTH:]).chunk(2, -1)
    shares = torch.softmax(_heads(query) @ _heads(key).transpose(1, 2) / (WIDTH // HEADS) ** 0.5, -1)
    mixed = (shares @ _heads(value)).transpose(0, 1).reshape(-1, WIDTH)
    state = layer.norm(state + layer.out(mixed))
    return layer.last(state + layer.outer(functional.gelu(layer.inner(state))))  # type: ignore[no-any-return]


def _heads(rows: Tensor) -> Tensor:
    return rows.reshape(-1, HEADS, WIDTH // HEADS).transpose(0, 1)


def _write(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], file: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole.onnx"
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(whole),
            input_names=list(inputs),
            output_names=list(outputs),
            # Of each input and output the first axis: "near" and "chosen" have lengths of their own.
            dynamic_axes={name: {0: name} for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
        # Seven bits: eight overflow in the instructions of processors without VNNI.
        quantize_dynamic(whole, file, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
