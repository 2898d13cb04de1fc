"""The networks for pictures: loaded once, when first needed, one thread each; may be run from several
threads."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FOLDER = Path(__file__).parent / "weights"
_lock = threading.Lock()
_loaded: dict[str, Any] = {}

Floats = NDArray[np.float32]


def run(name: str, batch: Floats) -> list[Floats]:
    """What the network `weights/NAME.onnx` says of a batch (n × channels × height × width)."""
    session = session_of(name)
    return [
        np.asarray(one, dtype=np.float32) for one in session.run(None, {session.get_inputs()[0].name: batch})
    ]


def size_for(width: int, height: int, scale: float) -> tuple[int, int]:
    """A picture's width and height when scaled: whole steps of 32, as the networks want; at least one."""
    across, down = (max(32, math.ceil(side * scale / 32) * 32) for side in (width, height))
    return across, down


def session_of(name: str) -> Any:
    """The session of a network."""
    with _lock:
        if name not in _loaded:
            import onnxruntime

            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            # Each picture has a size of its own: an arena would keep the largest block of each for ever.
            options.enable_cpu_mem_arena = False
            options.enable_mem_pattern = False
            options.log_severity_level = 3
            _loaded[name] = onnxruntime.InferenceSession(
                str(_FOLDER / f"{name}.onnx"), options, providers=["CPUExecutionProvider"]
            )
        return _loaded[name]
