"""The trained network as ONNX with eight-bit weights, in two parts: long texts go through the first only."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import Tensor, nn

from bot.deid.pieces import FEATURES
from training.network import Network, pretrained

OPSET = 17


def export(network: Network, folder: Path) -> None:
    """Write `below.onnx`, `above.onnx` and `vocabulary.txt` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    network.eval()
    ids = torch.ones(2, 9, dtype=torch.long)
    features = torch.ones(2, 9, len(FEATURES), dtype=torch.long)
    with torch.no_grad():
        state, _ = network.below(ids, features, ids)
    _write(
        network.below,
        {"ids": ids, "features": features, "mask": ids},
        ("state", "guess"),
        folder / "below.onnx",
    )
    _write(network.above, {"state": state, "mask": ids}, ("logits",), folder / "above.onnx")
    shutil.copy(pretrained() / "vocab.txt", folder / "vocabulary.txt")


def _write(module: nn.Module, inputs: dict[str, Tensor], outputs: tuple[str, ...], file: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / "whole.onnx"
        torch.onnx.export(
            module,
            tuple(inputs.values()),
            str(whole),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {0: "batch", 1: "pieces"} for name in (*inputs, *outputs)},
            opset_version=OPSET,
            dynamo=False,
        )
        # Seven bits: eight overflow in the instructions of processors without VNNI.
        quantize_dynamic(whole, file, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
