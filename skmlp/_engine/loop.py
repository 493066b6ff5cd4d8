"""The driver: one loop over epochs, for one network or for many that are trained as one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from skmlp._data.encoded import EncodedData
from skmlp._engine.fit import Fit
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.judging import JointLoss, JointMeasure
from skmlp._engine.places import Places, RowSets
from skmlp._engine.stopping import StopReason
from skmlp._engine.validation import losses_of_outputs
from skmlp._network.inference import raw_outputs
from skmlp._program.program import Program

# Longest that one call of the compiled epochs should take, seconds: meanwhile nobody can
# interrupt.
MAX_SECONDS = 0.1


def train(
    program: Program,
    fits: Sequence[Fit],
    should_continue: Callable[[], bool] = lambda: True,
    sets: RowSets | None = None,
) -> list[FittedNetwork | None]:
    """Train fits whose epochs have equally many batches; each ends by its own rules.

    Each epoch: 1. set its learning rate; 2. train on every batch, in a new order; 3. measure
    the validation rows; 4. keep the weights if they are the best so far; 5. tell the
    watchers; 6. ask whether to stop; 7. save.

    The best epoch's weights are kept if there are validation rows, or if training broke off;
    otherwise the last epoch's. The best epoch has the highest validation score or the lowest
    training loss; of two equal epochs, the later wins. Where networks are judged together, it
    is the one that `JointBest` chooses. A fit whose state has begun resumes.

    `should_continue` is asked before each epoch. If it says no, unfinished fits have None for a
    network, and a state that another call resumes, in any program of their recipe. All calls
    for a stack are given its `sets` of rows; None stands for those of `fits`.
    """
    return _Loop(program, fits, sets).run(should_continue)


def rehearse(program: Program, fits: Sequence[Fit], sets: RowSets | None = None) -> None:
    """Call all that `train` calls, once, so that it is compiled: one batch of one epoch."""
    _Loop(program, fits, sets).rehearse()


class _Loop:
    """Fits in a program, and how far each has come."""

    def __init__(
        self, program: Program, fits: Sequence[Fit], sets: RowSets | None = None
    ) -> None:
        self._program, self._fits = program, fits
        self._places = Places(program, fits, sets or RowSets.of(fits, program.n_members))
        self._trainings = self._places.trainings
        self._epochs = [fit.state.epochs for fit in fits]  # of this call, to run next
        self._logs: list[dict[str, float]] = [{} for _ in fits]
        self._ended: dict[int, FittedNetwork] = {}
        self._seconds = math.inf  # of an epoch
        self._is_seen = _is_seen(fits[0])
        if not self._is_seen:
            n_epochs = fits[0].epochs - self._epochs[0]
            program.plans.expect(n_epochs, is_compiled=program.traces > 0)

    def run(self, should_continue: Callable[[], bool]) -> list[FittedNetwork | None]:
        try:
            for k, fit in enumerate(self._fits):
                first = [watcher.on_begin(self._trainings[k]) for watcher in fit.watchers]
                self._epochs[k] = max([self._epochs[k], *first])
            self._end()
            while len(self._ended) < len(self._fits) and should_continue():
                self._run_epochs(self._epochs_at_once())
                self._end()
        except KeyboardInterrupt:
            if not all(fit.state.epochs for fit in self._fits):
                raise  # nothing was learned yet
            for fit in self._fits:
                fit.state.reason = fit.state.reason or StopReason.INTERRUPTED
            self._end()
        for k in self._going():
            self._places.take_out(k)
        return [self._ended.get(k) for k in range(len(self._fits))]

    def rehearse(self) -> None:
        self._places.rehearse()

    def _going(self) -> list[int]:
        return [k for k in range(len(self._fits)) if k not in self._ended]

    def _epochs_at_once(self) -> int:
        """Epochs to run in one call: more than one only if nothing observes the network in
        between, and training cannot stop early before the last of them.
        """
        fit, most = self._fits[0], self._program.plans.max_epochs
        if most == 1 or self._is_seen:
            return 1
        assert fit.state.patience is not None
        in_time = MAX_SECONDS / self._seconds
        left = min(fit.epochs - self._epochs[0], fit.state.patience.left)
        return max(int(min(most, left, in_time)), 1)

    def _run_epochs(self, n_epochs: int) -> None:
        """Run epochs in one call: several only of one fit, whose last one may fail early."""
        self._begin_epoch()
        self._places.renew_numbers()
        entered = [self._entered(k) for k in range(len(self._fits))]
        began = time.perf_counter()
        going, epochs = self._going(), list(self._epochs)
        for reported, reached in self._places.train_epochs(going, epochs, n_epochs):
            self._after_epoch(entered, reported, reached)
            entered = list(reached)
            if self._fits[0].state.reason is not None:
                break
        self._seconds = (time.perf_counter() - began) / n_epochs

    def _after_epoch(
        self, entered: Sequence[np.ndarray], reported: np.ndarray, reached: np.ndarray
    ) -> None:
        for k in self._going():
            rate, *losses = reported[k].tolist()
            of_outputs = losses_of_outputs(self._program.recipe, losses)
            self._logs[k] = {"loss": losses[0], **of_outputs, "learning_rate": rate}
            self._add_metrics(k, reached[k])
        scores, joint = self._validate()
        for k in self._going():
            fit, logs = self._fits[k], self._logs[k]
            # All watchers are told of the epoch, even if one has asked to stop.
            asked = [watcher.on_epoch_end(self._epochs[k], logs) for watcher in fit.watchers]
            fit.state.after_epoch(
                logs,
                scores.get(k),
                entered=entered[k],
                reached=reached[k],
                joint=joint.get(k),
                has_validation=fit.validation is not None,
                start_from_epoch=fit.start_from_epoch,
                asked_to_stop=any(asked),
            )
            self._epochs[k] += 1
            if fit.checkpoint:
                fit.checkpoint.after_epoch(self._trainings[k])

    def _begin_epoch(self) -> None:
        """Set the epoch's learning rates, which watchers may then change."""
        going = self._going()
        rates = {k: self._fits[k].rate(self._epochs[k]) for k in going}
        given = {k: rate for k, rate in rates.items() if rate is not None}
        self._program.learning_rates[list(given)] = list(given.values())
        for k in going:
            for watcher in self._fits[k].watchers:
                watcher.on_epoch_begin(self._epochs[k])

    def _entered(self, k: int) -> np.ndarray:
        """The weights before an epoch, which only a watcher with a live model changes."""
        fit = self._fits[k]
        return self._trainings[k].now() if has_live_model(fit) else fit.state.now

    def _add_metrics(self, k: int, reached: np.ndarray) -> None:
        """Add the metrics of the training rows to the logs."""
        fit = self._fits[k]
        if fit.metrics:
            weights = self._trainings[k].weights(reached)
            raw = raw_outputs(fit.spec, weights, fit.metric_rows.X, np.float32)
            self._logs[k].update(fit.measured(fit.metric_rows, raw))

    def _validate(self) -> tuple[dict[int, float], dict[int, JointLoss]]:
        """Scores of the fits whose loss is finite, and losses of those that are judged jointly;
        all measures are added to the logs.
        """
        measured = self._places.measure()
        if measured is None:
            return {}, {}
        scores, (losses, needed) = {}, measured
        for k in self._going():
            fit, logs = self._fits[k], self._logs[k]
            if fit.validation is None:
                continue
            logs["val_loss"] = loss = float(losses[k, 0])
            of_outputs = losses_of_outputs(self._program.recipe, losses[k].tolist())
            logs.update({f"val_{name}": value for name, value in of_outputs.items()})
            if math.isfinite(loss):
                metrics = fit.measured(fit.validation, needed[k])
                logs.update({f"val_{name}": value for name, value in metrics.items()})
                scores[k] = fit.validation_score(needed[k], loss)
        joint = self._joint_losses({k: needed[k] for k in scores})
        return scores, joint

    def _joint_losses(self, raw: dict[int, np.ndarray]) -> dict[int, JointLoss]:
        """Losses of the networks' common predictions, also for fits that follow them."""
        sharing: dict[JointMeasure, dict[EncodedData, list[np.ndarray]]] = {}
        for k, outputs in raw.items():
            measure, rows = self._fits[k].joint_loss, self._fits[k].validation
            if measure is not None and rows is not None:
                sharing.setdefault(measure, {}).setdefault(rows, []).append(outputs)
        found = {
            measure: measure({rows: np.stack(outputs) for rows, outputs in sets.items()})
            for measure, sets in sharing.items()
        }
        measures = {k: self._fits[k].joint_loss for k in self._going()}
        return {k: found[of_fit] for k, of_fit in measures.items() if of_fit in found}

    def _end(self) -> None:
        """Finish the fits that have a reason to end."""
        for k in self._going():
            fit = self._fits[k]
            if fit.state.reason is not None or self._epochs[k] >= fit.epochs:
                fit.state.reason = fit.state.reason or fit.reason_at_end
                self._ended[k] = self._finished(k)

    def _finished(self, k: int) -> FittedNetwork:
        program, fit, training = self._program, self._fits[k], self._trainings[k]
        kept = fit.state.to_keep(is_judged=fit.is_judged)
        may_change = program.finish() or has_live_model(fit)
        if may_change and kept is not None:
            program.restore([kept])
        for watcher in fit.watchers:
            watcher.on_end(self._logs[k])
        if may_change:
            kept = training.now()
        # Its own copy: views of what several networks or epochs reached would keep all of them.
        fit.state.kept = np.array(fit.state.now if kept is None else kept)
        return training.fitted(fit.state.kept)


def has_live_model(fit: Fit) -> bool:
    """Whether a watcher sees a Keras model, and may change it."""
    return any(watcher.needs_model for watcher in fit.watchers)


def _is_seen(fit: Fit) -> bool:
    """Whether anything looks at the network between two epochs, or sets its learning rate."""
    between = fit.watchers, fit.validation, fit.metrics, fit.checkpoint, fit.epoch_rate
    return any(between)
