"""Results of a fit on the estimator, stored by `fit` or loaded from a checkpoint."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._checkpoints.checkpoint import Checkpoint, Saved, read
from skmlp._checkpoints.digests import digest, digest_of_start
from skmlp._checkpoints.file import checkpoint_path, make_directory
from skmlp._checkpoints.learned import all_or_nothing, forget, learned, portable, results
from skmlp._checkpoints.settings import settings_text, shortened
from skmlp._data.sparse_rows import arrays_of
from skmlp._engine.fitted import FittedNetwork
from skmlp._estimators.reusing import ReusingNetwork
from skmlp._network.spec import NetworkSpec
from skmlp._training.job import Job

if TYPE_CHECKING:
    from typing_extensions import Self


class CheckpointedNetwork(ReusingNetwork):
    """Stores the results of a fit, and loads them from `checkpoint_dir`."""

    checkpoint_dir: Any
    checkpoint_every: int
    _learned_from_data: tuple[str, ...]
    history_: dict[str, list[float]]
    validation_scores_: list[float] | None

    @abstractmethod
    def _spec(self) -> NetworkSpec:
        """The network that the parameters describe, for the learned targets."""

    def load_checkpoint(self) -> Self:
        """Load the newest checkpoint in `checkpoint_dir`.

        The parameters must equal those of the fit that wrote it. If that fit has ended, this
        estimator gets all its results: the same weights, attributes and optimizer state,
        from which `warm_start` and `partial_fit` resume.

        If that fit was interrupted, or is still running, perhaps in another process, this
        estimator gets the weights of the newest saved epoch, best or not, and the history so
        far; `stop_reason_` says so.

        Returns
        -------
        self : object
            The estimator, fitted as far as the checkpoint was. With `ema_decay` it predicts
            with the averages.

        Raises
        ------
        ValueError
            If `checkpoint_dir` is None, or the checkpoint is damaged, belongs to other
            parameters, or has the format of another version of skmlp.
        FileNotFoundError
            If there is no checkpoint yet.
        """
        if self.checkpoint_dir is None:
            raise ValueError(
                "'checkpoint_dir' must name the directory to load from; got None; set it to "
                "that of the fit."
            )
        saved = self._saved()
        if saved is None:
            raise FileNotFoundError(
                f"'checkpoint_dir' must hold a checkpoint; got {str(self.checkpoint_dir)!r} "
                "without one; fit with this directory first."
            )
        saved.check(settings_text(self))
        with all_or_nothing(self):
            forget(self)
            for name, value in saved.learned(self._learned_from_data).items():
                setattr(self, name, value)
            spec, _ = self._with_reuse(self._spec(), None)
            saved.check({"pretrained": self._reused_digest(spec)})
            self._keep(saved.fitted(spec), **saved.of_calls())
        return self

    def _saved(self) -> Saved | None:
        """The existing checkpoint, if any."""
        if self.checkpoint_dir is None:
            return None
        return read(checkpoint_path(self.checkpoint_dir))

    def _checkpoint(
        self,
        job: Job,
        saved: Saved | None,
    ) -> Checkpoint:
        """The checkpoint of a fit, with all settings and data that decide its result.

        Refuses an existing checkpoint of other settings or data.
        """
        path = checkpoint_path(self.checkpoint_dir)
        make_directory(path)
        data, validation = job.data, job.validation
        from_data = {k: v for k, v in learned(self).items() if k in self._learned_from_data}
        settings = settings_text(self) | {
            "epochs": str(job.epochs),
            "batch_size": repr(job.batch_size),
            "random_state": str(job.seed),
            "X": digest(arrays_of(data.X)),
            "y": digest(arrays_of(data.y)),
            "sample_weight": digest([data.weight]),
            "validation data": digest(validation.arrays if validation else ()),
            "weights of the warm start": digest_of_start(job.start),
            "pretrained": self._reused_digest(job.spec),
            **{k: shortened(str(_plain(v))) for k, v in from_data.items()},
        }
        if saved is not None:
            saved.check(settings)
        return Checkpoint(
            path=path,
            saved=saved,
            every=self.checkpoint_every,
            settings=settings,
            learned=portable(from_data),
            earlier=self._earlier(job),
            has_validation=validation is not None,
        )

    def _earlier(self, job: Job) -> dict[str, Any]:
        """History and scores of the calls that a job resumes."""
        if job.start is None:
            return {"history": {}, "scores": []}
        return {"history": self.history_, "scores": self.validation_scores_ or []}

    def _keep(self, fitted: FittedNetwork, **facts: Any) -> None:
        """Store a trained network, and how its training went (see `results`)."""
        self._state = fitted.at_rest()
        for name, value in results(fitted.training, **facts).items():
            setattr(self, name, value)


def _plain(value: Any) -> Any:
    """A learned attribute without arrays; classes of several outputs are a list of them."""
    return [*map(_plain, value)] if isinstance(value, list) else np.asarray(value).tolist()
