"""The bar over the epochs of a fit."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from skmlp._engine.watcher import Watcher


@cache
def bar_class() -> Any:
    """The bar of tqdm: a widget in notebooks that support them, otherwise text on stderr."""
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TqdmWarning)  # that a notebook has no widgets
        from tqdm.auto import tqdm
    return tqdm


class ProgressBar(Watcher):
    """One tqdm bar over the epochs, with the losses and the time left."""

    def __init__(self, name: str, epochs: int) -> None:
        self._bar = bar_class()(total=epochs, desc=name, unit="epoch")
        self._fit: Any = None

    def on_begin(self, training: Any) -> int:
        self._fit = training.fit
        return 0

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        if self._fit is not None and self._fit.epochs != self._bar.total:
            move_end(self._bar, self._fit.epochs)
        losses = {name: logs[name] for name in ("loss", "val_loss") if name in logs}
        self._bar.set_postfix(losses, refresh=False)
        self._bar.update(epoch + 1 - self._bar.n)  # a resumed fit begins later
        return False

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._bar.write(sentence, file=sys.stderr)

    def close(self) -> None:
        self._bar.close()


@contextmanager
def progress(name: str, epochs: int, *, shown: bool) -> Iterator[list[ProgressBar]]:
    """The bar of a fit, closed at the end; none unless it is shown."""
    bars = [ProgressBar(name, epochs)] if shown else []
    try:
        yield bars
    finally:
        for bar in bars:
            bar.close()


def move_end(bar: Any, total: int) -> None:
    """Change a bar's total. In notebooks only `reset` does."""
    reached, begun = bar.n, bar.start_t
    bar.reset(total)
    bar.n = bar.last_print_n = reached
    bar.start_t = begun
    bar.refresh()
