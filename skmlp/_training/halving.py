"""Results kept so that a longer fit can resume."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace

from skmlp._checkpoints.checkpoint import digest
from skmlp._engine import StopReason
from skmlp._training.alone import Fit, Result
from skmlp._training.preparation import set_up

MAX_BYTES = 2**30  # of networks kept; fits that find none begin at the first epoch


@dataclass
class PausedFits:
    """The results of a search's last round, by task: candidate and fold."""

    _last: dict[Hashable, Result] = field(default_factory=dict)
    _now: dict[Hashable, Result] = field(default_factory=dict)
    _n_bytes: int = 0

    def next_round(self) -> None:
        """Forget the results that the last round did not resume."""
        self._last, self._now, self._n_bytes = self._now, {}, 0

    def resumed(self, key: Hashable, fit: Fit) -> Fit:
        """The fit, from where the last round left it, if it is one of more epochs."""
        earlier = self._last.get(key)
        if earlier is None or earlier[1].epochs > fit.job.epochs:
            return fit
        state, run = earlier[0], earlier[1].copy()
        if run.reason is StopReason.EPOCHS and run.epochs < fit.job.epochs:
            run.reason = None
        job = replace(fit.job, seed=state.progress.seed)
        return replace(fit, job=job, earlier=(state, run))

    def keep(self, key: Hashable, result: Result) -> None:
        """Remember how far a fit came, if there is room."""
        state, run = result[0], result[1].copy()
        arrays = [run.now, run.best, run.safe, *state.progress.optimizer]
        n_bytes = sum(array.nbytes for array in [*arrays, *state.arrays])
        if self._n_bytes + n_bytes <= MAX_BYTES:
            self._n_bytes += n_bytes
            self._now[key] = state, run


def key_of(task: Hashable, fit: Fit) -> Hashable | None:
    """The key that a fit shares with the one it resumes; None: it cannot resume any.

    The task stands for the parameters, but a schedule over all epochs has other numbers when
    there are more of them; and rows may be held out, or transformed, at random.
    """
    if fit.job.start or fit.job.checkpoint:
        return None
    setup, held = set_up(fit.job, fit.data), fit.validation
    numbers = setup.knobs(first_step=0).packed().numpy().tobytes()
    arrays = [fit.data.X, fit.data.y, fit.data.weight]
    arrays += [held.X, held.y, held.weight] if held else []
    return task, setup.recipe, numbers, digest(arrays)
