"""Whether higher or lower is better for what a Keras callback monitors."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from skmlp._network.spec import NetworkSpec
from skmlp._training.metrics import modes_of_metrics


def with_modes(callbacks: Sequence[Any], metrics: Any, spec: NetworkSpec) -> list[Any]:
    """The callbacks; copies that know whether lower is better replace those with `mode="auto"`.

    Keras looks for it among the metrics of the compiled model, of which a live model has none.
    """
    if not any(getattr(callback, "mode", None) == "auto" for callback in callbacks):
        return list(callbacks)
    known = modes_of_metrics(metrics, spec)
    return [_with_mode(callback, known) for callback in callbacks]


def _with_mode(callback: Any, known: dict[str, str]) -> Any:
    if getattr(callback, "mode", None) != "auto":
        return callback
    name = str(getattr(callback, "monitor", "")).removeprefix("val_")
    mode = "min" if name.endswith("loss") else known.get(name)
    if mode is None:
        return callback
    told = copy.copy(callback)  # training deep-copies it
    told.mode = mode
    return told
