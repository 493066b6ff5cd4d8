"""Keras callbacks, as a watcher of the loop."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from skmlp._engine.fit import Training
from skmlp._engine.live_model import LiveModel
from skmlp._engine.watcher import Watcher
from skmlp._keras.tensorflow import keras
from skmlp._keras.text import is_of_keras

# hooks that Keras calls for each batch; the first two are old names
BATCH_HOOKS = (
    "on_batch_begin",
    "on_batch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_batch_begin",
    "on_test_batch_end",
)

AFTER_THE_EPOCH = (
    "on_test_begin",
    "on_test_batch_begin",
    "on_test_batch_end",
    "on_test_end",
    "on_epoch_end",
    "on_train_end",
)


class KerasCallbacks(Watcher):
    """Calls copies of the user's callbacks as `keras.Model.fit` would.

    Epoch-level hooks run between compiled epochs. Where a callback has a hook for batches,
    the epoch runs batch by batch, which is slower. Where weights are averaged, callbacks see
    the averages after an epoch, and the weights themselves within it.
    """

    needs_model = True

    def __init__(
        self,
        callbacks: Sequence[keras.callbacks.Callback],
        epochs: int,
        loss_weights: Sequence[float],
    ) -> None:
        self._callbacks = [_copied(callback) for callback in callbacks]
        self._epochs = epochs
        self._loss_weights = loss_weights
        self.wants_batches = any(map(has_batch_hook, self._callbacks))

    def on_begin(self, training: Training) -> int:
        self._live = LiveModel(training, self._loss_weights)
        model = self._live.model
        model.stop_training = False
        # `BackupAndRestore` tells `keras.Model.fit` where to resume by this private attribute.
        model._initial_epoch = None
        self._list = keras.callbacks.CallbackList(
            self._callbacks,
            model=model,
            epochs=self._epochs,
            steps=training.fit.n_batches,
            verbose=0,
        )
        self._call("on_train_begin")
        return model._initial_epoch or 0

    def on_epoch_begin(self, epoch: int) -> None:
        self._call("on_epoch_begin", epoch)

    def on_batch_begin(self, batch: int) -> None:
        self._call("on_train_batch_begin", batch)

    def on_batch_end(self, batch: int, loss: float) -> bool:
        return self._call("on_train_batch_end", batch, {"loss": loss})

    def on_test_begin(self) -> None:
        self._call("on_test_begin")

    def on_test_batch_begin(self, batch: int) -> None:
        self._call("on_test_batch_begin", batch)

    def on_test_batch_end(self, batch: int, loss: float) -> None:
        self._call("on_test_batch_end", batch, {"loss": loss})

    def on_test_end(self, loss: float) -> None:
        self._call("on_test_end", {"loss": loss})

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        return self._call("on_epoch_end", epoch, dict(logs))

    def on_end(self, logs: dict[str, float]) -> None:
        self._call("on_train_end", dict(logs))

    def _call(self, hook: str, *arguments: Any) -> bool:
        """Call a hook of all callbacks; whether one has asked to stop.

        Showing the model takes longer than an epoch on few rows, so it is done only where a
        callback has the hook and may look. Keras's list is always called, since it pairs
        begins and ends.
        """
        looking = [one for one in self._callbacks if looks_at_model(one)]
        is_heard = bool(looking) and hook in BATCH_HOOKS
        is_heard |= any(has_hook(one, hook) for one in looking)
        averaged = hook in AFTER_THE_EPOCH
        with self._live.looked_at(averaged=averaged) if is_heard else nullcontext():
            getattr(self._list, hook)(*arguments)
        return bool(self._live.model.stop_training)


def has_batch_hook(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback does anything between batches.

    Keras's checkpoints and TensorBoard logs have such hooks, idle at their usual frequency;
    a loss that is not a number ends training without `TerminateOnNaN` too.
    """
    frequency = getattr(callback, "save_freq", getattr(callback, "update_freq", None))
    is_idle = frequency == "epoch" or isinstance(callback, keras.callbacks.TerminateOnNaN)
    if is_idle and is_of_keras(type(callback)):
        return False
    return any(has_hook(callback, hook) for hook in BATCH_HOOKS)


def looks_at_model(callback: keras.callbacks.Callback) -> bool:
    """Whether a callback may read or change weights, optimizer or losses of the model.

    Some of Keras's own see the logs alone, and at most ask to stop.
    """
    if type(callback) is keras.callbacks.EarlyStopping:
        return callback.restore_best_weights
    return type(callback) not in (keras.callbacks.CSVLogger, keras.callbacks.TerminateOnNaN)


def has_hook(callback: keras.callbacks.Callback, hook: str) -> bool:
    """Whether a callback has a hook of its own."""
    own = getattr(getattr(callback, hook), "__func__", None)
    return own is not getattr(keras.callbacks.Callback, hook)


def _copied(callback: keras.callbacks.Callback) -> keras.callbacks.Callback:
    try:
        return copy.deepcopy(callback)
    except TypeError as error:  # "cannot pickle '_thread.lock' object"
        raise ValueError(
            "'callbacks' must hold objects that can be copied, since each fit calls its own "
            f"copies; got {type(callback).__name__} ({error}); keep that object outside of it."
        ) from error
