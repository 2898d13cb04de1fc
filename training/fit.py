"""Fitting the network to windows."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from training.network import Network, pretrained
from training.tags import TAGS, Window

PIECES_A_STEP = 1536
RATE = 4e-4
IDENTIFIER = 2.0  # an identifier that is missed costs this much more than a false alarm
EARLY_SHARE = 0.3  # what the first guess counts for in the loss


def batches(windows: Sequence[Window], rng: random.Random) -> list[list[Window]]:
    """Windows of like lengths together, in random order."""
    ordered = sorted(windows, key=lambda one: len(one.ids) + rng.random() * 12)
    made: list[list[Window]] = [[]]
    for window in ordered:
        if made[-1] and (len(made[-1]) + 1) * len(window.ids) > PIECES_A_STEP:
            made.append([])
        made[-1].append(window)
    rng.shuffle(made)
    return made


def padded(batch: Sequence[Window]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """A batch as tensors: ids, features, mask, tags."""
    length = max(len(one.ids) for one in batch)
    ids = torch.zeros(len(batch), length, dtype=torch.long)
    features = torch.zeros(len(batch), length, len(batch[0].features[0]), dtype=torch.long)
    mask = torch.zeros(len(batch), length, dtype=torch.long)
    tags = torch.full((len(batch), length), -1, dtype=torch.long)
    for row, one in enumerate(batch):
        size = len(one.ids)
        ids[row, :size] = torch.tensor(one.ids)
        features[row, :size] = torch.tensor(one.features)
        mask[row, :size] = 1
        tags[row, :size] = torch.tensor(one.tags)
    return ids, features, mask, tags


def fit(
    windows: Sequence[Window],
    seed: int,
    epochs: int = 1,
    minutes: float = 60.0,
    start: Path | None = None,
    rate: float = RATE,
) -> Network:
    """Train a network on windows, one pass per epoch or until the time is over; prints how it goes.

    `start` is a checkpoint to go on from; otherwise the pretrained encoder is. The learning `rate` falls
    with what is left of the steps or of the time, whichever ends first.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    network = Network(len(TAGS))
    if start is None:
        network.start_from(pretrained() / "model.safetensors")
    else:
        network.load_state_dict(torch.load(start, weights_only=True))
    network.train()
    steps = list(_steps(windows, epochs, rng))
    table = network.below.pieces.weight  # of which a step sees few rows
    others = [one for one in network.parameters() if one is not table]
    optimisers = (
        torch.optim.AdamW(others, lr=rate, weight_decay=0.01, fused=True),
        torch.optim.SparseAdam([table], lr=rate),
    )
    weights = torch.tensor([1.0] + [IDENTIFIER] * (len(TAGS) - 1))
    began = shown = time.monotonic()
    running = 0.0
    for number, batch in enumerate(steps):
        gone = max(number / len(steps), (time.monotonic() - began) / (minutes * 60))
        if gone >= 1:
            break
        now = rate * min(1.0, (number + 1) / 25) * (0.5 + 0.5 * math.cos(math.pi * gone))
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = now
        ids, features, mask, tags = padded(batch)
        with torch.autocast("cpu", torch.bfloat16):
            late, early = network(ids, features, mask)
        loss = _loss(late.float(), tags, weights) + EARLY_SHARE * _loss(early.float(), tags, weights)
        network.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        for optimiser in optimisers:
            optimiser.step()
        running = 0.98 * running + 0.02 * loss.item() if number else loss.item()
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            print(f"{shown - began:5.0f} s  step {number + 1}/{len(steps)}  loss {running:.4f}", flush=True)
    return network.eval()


def _steps(windows: Sequence[Window], epochs: int, rng: random.Random) -> Iterator[list[Window]]:
    for _ in range(epochs):
        yield from batches(windows, rng)


def _loss(logits: Tensor, tags: Tensor, weights: Tensor) -> Tensor:
    return functional.cross_entropy(logits.flatten(0, 1), tags.flatten(), weights, ignore_index=-1)
