"""The interface of objects that follow training; imported without TensorFlow."""

from __future__ import annotations

from typing import Any


class Watcher:
    """Sees training go by, and may ask it to stop; subclasses override what they need."""

    needs_model = False  # whether it sees a live Keras model; then no stack trains its fit
    wants_batches = False

    def on_begin(self, training: Any) -> int:
        """Called before training, once for each network, with its `Training`; returns the epoch
        to start from; with several watchers the latest one counts.
        """
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        """An epoch is about to begin."""

    def on_batch_begin(self, batch: int) -> None:
        """A batch is about to begin; called only with `wants_batches`."""

    def on_batch_end(self, batch: int, loss: float) -> bool:
        """A batch has ended; true asks to stop. Called only with `wants_batches`."""
        return False

    def on_test_begin(self) -> None:
        """Validation rows are about to be measured."""

    def on_test_batch_begin(self, batch: int) -> None:
        """A batch of validation rows is about to be measured, with `wants_batches`."""

    def on_test_batch_end(self, batch: int, loss: float) -> None:
        """A batch of validation rows has been measured, with `wants_batches`."""

    def on_test_end(self, loss: float) -> None:
        """Validation rows have been measured."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """An epoch has ended; true asks to stop."""
        return False

    def on_end(self, logs: dict[str, float]) -> None:
        """Training has ended."""
