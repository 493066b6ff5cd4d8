"""What a fit shows while it runs: a bar over epochs, and scikit-learn's callbacks."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm

from skmlp._state import FittedState


class EpochWatcher:
    """A watcher of the training loop that minds epochs only; it sees nothing by itself."""

    wants_batches = False

    def on_begin(self, program: Any, n_batches: int) -> int:
        """Training is about to begin; the first epoch to run."""
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        """An epoch is about to begin."""

    def on_batch_begin(self, batch: int) -> None:
        """Never called, since `wants_batches` is false."""

    def on_batch_end(self, batch: int, loss: float) -> bool:
        """Never called, since `wants_batches` is false."""
        return False

    def on_test_begin(self) -> None:
        """Validation rows are about to be measured."""

    def on_test_batch_begin(self, batch: int) -> None:
        """Never called, since `wants_batches` is false."""

    def on_test_batch_end(self, batch: int, loss: float) -> None:
        """Never called, since `wants_batches` is false."""

    def on_test_end(self, loss: float) -> None:
        """Validation rows have been measured."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        """An epoch has ended; true asks to stop."""
        return False

    def on_end(self, logs: dict[str, float]) -> None:
        """Training has ended."""


class ProgressBar(EpochWatcher):
    """One tqdm bar over the epochs, with the losses and the time left."""

    def __init__(self, name: str, epochs: int) -> None:
        self._bar = tqdm(total=epochs, desc=name, unit="epoch")

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        losses = {name: logs[name] for name in ("loss", "val_loss") if name in logs}
        self._bar.set_postfix(losses, refresh=False)
        self._bar.update(epoch + 1 - self._bar.n)  # a resumed fit begins later
        return False

    def close(self) -> None:
        self._bar.close()


class ScikitLearnCallbacks(EpochWatcher):
    """The callbacks of `set_callbacks` (scikit-learn 1.9): each epoch is a task of the fit.

    A callback that asks for a fitted estimator gets one with the weights of the moment.
    """

    def __init__(self, estimator: Any, job: Any, data: dict[str, Any]) -> None:
        self._job = job
        self._told = {"estimator": estimator, **data}
        self._fit = estimator._init_callback_context(max_subtasks=job.epochs)
        self._fit.call_on_fit_task_begin(**self._told)

    def on_begin(self, program: Any, n_batches: int) -> int:
        self._told["reconstruction_attributes"] = lambda: {
            "_state": FittedState(self._job.spec, program.weights())
        }
        return 0

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch = self._fit.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._told)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        return self._epoch.call_on_fit_task_end(**self._told)

    def on_end(self, logs: dict[str, float]) -> None:
        self._fit.call_on_fit_task_end(**self._told)
