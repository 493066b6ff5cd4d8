"""Watchers of epochs: for an ensemble, and of scikit-learn's callbacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from skmlp._engine.watcher import Watcher


class EnsembleWatcher(Watcher):
    """Watches all networks of an ensemble, and tells others of each epoch once.

    Any of the networks may be the first to end; if a watcher asks to stop, all of them do.
    """

    def __init__(self, watchers: Sequence[Watcher], n_networks: int) -> None:
        self._watchers, self._n_going = watchers, n_networks
        self._begun = self._ended = -1  # the last epoch that watchers were told of
        self._asked = False

    def on_begin(self, training: Any) -> int:
        return max(watcher.on_begin(training) for watcher in self._watchers)

    def on_epoch_begin(self, epoch: int) -> None:
        if epoch == self._begun:
            return
        self._begun = epoch
        for watcher in self._watchers:
            watcher.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        if epoch != self._ended:
            self._ended = epoch
            asked = [watcher.on_epoch_end(epoch, logs) for watcher in self._watchers]
            self._asked = any(asked)
        return self._asked

    def on_end(self, logs: dict[str, float]) -> None:
        self._n_going -= 1
        if not self._n_going:
            for watcher in self._watchers:
                watcher.on_end(logs)


class ScikitLearnCallbacks(Watcher):
    """The callbacks of `set_callbacks` (scikit-learn 1.9): each epoch is a task of the fit.

    A callback that asks for a fitted estimator gets one with the weights of the moment:
    `attributes` gives what an estimator keeps of its networks.
    """

    def __init__(
        self,
        estimator: Any,
        epochs: int,
        data: dict[str, Any],
        attributes: Callable[..., dict[str, Any]],
    ) -> None:
        self._trainings: list[Any] = []
        self._attributes = attributes
        self._arguments = {"estimator": estimator, **data}
        self._context = estimator._init_callback_context(max_subtasks=epochs)
        self._context.call_on_fit_task_begin(**self._arguments)

    @classmethod
    def of(cls, estimator: Any, *arguments: Any) -> list[ScikitLearnCallbacks]:
        """Those of an estimator, if it has any; the arguments are the constructor's."""
        has_any = getattr(estimator, "_skl_callbacks", None)
        return [cls(estimator, *arguments)] if has_any else []

    def on_begin(self, training: Any) -> int:
        self._trainings.append(training)
        self._arguments["reconstruction_attributes"] = self._reconstructed
        return 0

    def _reconstructed(self) -> dict[str, Any]:
        networks = (each.fitted(each.current()).at_rest() for each in self._trainings)
        return self._attributes(*networks)

    def on_epoch_begin(self, epoch: int) -> None:
        self._epoch = self._context.subcontext(task_name="epoch")
        self._epoch.call_on_fit_task_begin(**self._arguments)

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> bool:
        return self._epoch.call_on_fit_task_end(**self._arguments)

    def on_end(self, logs: dict[str, float]) -> None:
        self._context.call_on_fit_task_end(**self._arguments)
