"""Checkpoints: all that an interrupted fit needs to resume, and its result once it ended."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from skmlp._checkpoints.file import read_file, undamaged, write_file
from skmlp._checkpoints.learned import check_learned
from skmlp._checkpoints.portable import from_json
from skmlp._network.spec import NetworkSpec
from skmlp._network.state import FittedState, Progress, Weights

if TYPE_CHECKING:
    from skmlp._engine import Plan, Program, Run

NOT_ENDED = "Training had not ended when this checkpoint was written; fit resumes it."

NUMBER = (int, float)
# What JSON holds, by name: types, [type of items], {str: type of values}, (one, or another).
FACTS: dict[str, Any] = {
    "settings": {str: str},
    "learned": dict,
    "layers": [int],
    "raw_layers": [int],
    "history": {str: [NUMBER]},
    "scores": [NUMBER],
    "best_value": NUMBER,
    "patience": [NUMBER],
    "plateau": ([NUMBER], type(None)),
    "reason": (str, type(None)),
    "stop_reason": str,
    "has_validation": bool,
    "earlier": {str: (list, dict)},
    "seed": int,
    "epochs": int,
    "optimizer_name": str,
}


@dataclass(frozen=True)
class Saved:
    """A checkpoint as it was read."""

    path: Path
    token: str
    facts: dict[str, Any]
    arrays: Mapping[str, np.ndarray]

    def several(self, name: str) -> list[np.ndarray]:
        n = sum(key.startswith(f"{name}/") for key in self.arrays)
        return [self.arrays[f"{name}/{i}"] for i in range(n)]

    def state(self, spec: NetworkSpec) -> FittedState:
        """How far training had come; refuses weights that are not those of the network."""
        facts = self.facts
        with undamaged(self.path):
            weights = self._by_layer("weights", facts["layers"])
            _check_weights(weights, spec)
            raw_weights = self._by_layer("raw_weights", facts["raw_layers"])
            if raw_weights:
                _check_weights(raw_weights, spec)
            progress = Progress(
                seed=facts["seed"],
                epochs=facts["epochs"],
                optimizer=tuple(self.several("optimizer")),
                optimizer_name=facts["optimizer_name"],
                raw_weights=raw_weights or None,
                plateau=facts["plateau"] and tuple(facts["plateau"]),
            )
        return FittedState(spec, weights, progress)

    def _by_layer(self, name: str, sizes: list[int]) -> Weights:
        flat, ends = self.several(name), list(accumulate(sizes, initial=0))
        if len(flat) != ends[-1]:
            raise ValueError("arrays that belong to no layer")
        return tuple(tuple(flat[start:end]) for start, end in pairwise(ends))

    def learned(self, known: Sequence[str]) -> dict[str, Any]:
        """The attributes that the fit learned from its data, of those that are known."""
        with undamaged(self.path):
            values = {name: from_json(of) for name, of in self.facts["learned"].items()}
            check_learned(values, known)
        return values

    def told(self) -> dict[str, Any]:
        """How training went, as `results` takes it."""
        names = "history", "scores", "best_value", "stop_reason", "has_validation", "earlier"
        return {name: self.facts[name] for name in names}

    def check(self, settings: Mapping[str, str]) -> None:
        """Refuse to resume with other settings or data than those it was written with."""
        before = self.facts["settings"]
        differing = [name for name in settings if settings[name] != before.get(name)]
        if differing:
            name = differing[0]
            raise ValueError(
                f"'checkpoint_dir' must be that of a fit with the same settings and data; "
                f"{' and '.join(differing)} changed ({name} was {before.get(name)}, is "
                f"{settings[name]}); set them back, or choose another directory than "
                f"{str(self.path.parent)!r}."
            )


@dataclass
class Checkpoint:
    """Where and how often a fit is saved, and what it is a fit of."""

    path: Path
    saved: Saved | None  # to resume from
    every: int  # epochs
    settings: Mapping[str, str]  # parameters and digests of data, by what users call them
    learned: Mapping[str, Any]  # what the estimator learned from the data, as JSON
    earlier: Mapping[str, Any]  # history and scores of the calls before a warm start
    has_validation: bool
    _token: str | None = field(init=False)  # of the file that this fit read or wrote last
    _is_taken: bool = field(default=False, init=False)  # by another fit
    _has_failed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._token = self.saved.token if self.saved else None

    def after_epoch(self, reached: Callable[[Run], FittedState], run: Run) -> None:
        """Save, if it is time to; of the epoch that ends training, its end is saved."""
        if run.epochs % self.every == 0 and run.reason is None:
            self.save(reached(run), run)

    def save(self, state: FittedState, run: Run) -> None:
        """Write how far training has come, or warn: never is training lost for a file."""
        if self._is_taken:
            return
        token = uuid4().hex
        facts, arrays = self._contents(state, run)
        try:
            self._is_taken = not write_file(self.path, token, facts, arrays, known=self._token)
        except OSError as error:
            if not self._has_failed:
                warnings.warn(
                    f"The checkpoint {str(self.path)!r} could not be written ({error}); "
                    "training goes on, and later checkpoints are tried; make room for them.",
                    stacklevel=2,
                )
            self._has_failed = True
            return
        self._token = token
        if self._is_taken:
            warnings.warn(
                f"'checkpoint_dir' must be for one fit alone, but another fit has put its own "
                f"checkpoint into {str(self.path)!r}; this fit goes on without saving; give "
                "each fit another directory.",
                stacklevel=2,
            )

    def _contents(self, state: FittedState, run: Run) -> tuple[dict, dict[str, np.ndarray]]:
        progress = state.progress
        groups: dict[str, Iterable[Any]] = {
            "now": [run.now],
            "best": [run.best],
            "safe": [run.safe] if run.safe is not run.best else [],
            **_arrays(state),
        }
        arrays = {
            f"{name}/{i}": np.asarray(array)
            for name, group in groups.items()
            for i, array in enumerate(group)
        }
        facts = {
            "arrays": _described(arrays),
            "settings": dict(self.settings),
            "learned": dict(self.learned),
            "layers": [len(layer) for layer in state.weights],
            "raw_layers": [len(layer) for layer in progress.raw_weights or ()],
            "history": run.history,
            "scores": run.scores,
            "best_value": run.best_value,
            "patience": [run.patience.best, run.patience.waited],
            "plateau": run.plateau.state() if run.plateau else None,
            "reason": run.reason and run.reason.name,
            "stop_reason": run.reason.value if run.reason else NOT_ENDED,
            "has_validation": self.has_validation,
            "earlier": dict(self.earlier),
            "seed": progress.seed,
            "epochs": progress.epochs,
            "optimizer_name": progress.optimizer_name,
        }
        return facts, arrays

    def resume(self, program: Program, plan: Plan) -> Run | None:
        """The saved run, with the optimizer's state in place; None if there is none."""
        if self.saved is None:
            return None
        with undamaged(self.path):
            run = _run(self.saved, plan, np.shape(program.snapshot()))
            optimizer = self.saved.several("optimizer")
            # A loss that was not finite has left none.
            if optimizer or run.reason is None:
                _check_alike(optimizer, program.optimizer_state())
                program.restore_optimizer(optimizer)
        return run


def _run(saved: Saved, plan: Plan, shape: tuple[int, ...]) -> Run:
    from skmlp._engine import Run, StopReason  # imports TensorFlow

    facts = saved.facts
    reason = StopReason[facts["reason"]] if facts["reason"] else None
    (now,), (best,), safe = map(saved.several, ("now", "best", "safe"))
    snapshots = [best, *safe] if reason is StopReason.NOT_FINITE else [now, best, *safe]
    _check_alike([now, best, *safe], [np.empty(shape, np.float32)] * (2 + len(safe)))
    _check_finite(snapshots)
    best_seen, waited = facts["patience"]
    return Run(
        patience=replace(plan.patience, best=best_seen, waited=waited),
        plateau=plan.plateau.at(facts["plateau"]) if plan.plateau else None,
        now=now,
        best=best,
        safe=safe[0] if safe else best,
        start_from_epoch=plan.start_from_epoch,
        best_value=facts["best_value"],
        history=facts["history"],
        scores=facts["scores"],
        reason=reason,
    )


def read(path: Path) -> Saved | None:
    """The newest checkpoint, also while another process trains; None where there is none."""
    found = read_file(path)
    if found is None:
        return None
    token, facts, arrays = found
    with undamaged(path):
        plateau, earlier = facts["plateau"], facts["earlier"]
        rules = [
            all(_fits(facts[name], kind) for name, kind in FACTS.items()),
            facts["arrays"] == _described(arrays),
            _fits(earlier["history"], {str: [NUMBER]}) and _fits(earlier["scores"], [NUMBER]),
            plateau is None or len(plateau) == 3,
            "loss" in facts["history"],
            0 <= facts["seed"] < 2**31 and facts["epochs"] >= 0,
        ]
        if not all(rules):
            raise ValueError("facts that no fit writes")
    return Saved(path, token, facts, arrays)


def _described(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    return {name: [array.dtype.str, *array.shape] for name, array in arrays.items()}


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value out of JSON is of a kind, written as in `FACTS`."""
    if isinstance(kind, tuple):
        return any(_fits(value, one) for one in kind)
    if isinstance(kind, list):
        return type(value) is list and all(_fits(item, kind[0]) for item in value)
    if isinstance(kind, dict):
        return type(value) is dict and all(_fits(one, kind[str]) for one in value.values())
    return type(value) is kind


def _check_weights(weights: Weights, spec: NetworkSpec) -> None:
    for layer, shapes in zip(weights, spec.weight_shapes(), strict=True):
        if shapes is not None:
            _check_alike(layer, [np.empty(shape, np.float32) for shape in shapes])
        _check_finite(layer)


def _check_alike(arrays: Iterable[np.ndarray], others: Iterable[Any]) -> None:
    for array, other in zip(arrays, others, strict=True):
        if (array.shape, array.dtype) != (np.shape(other), np.asarray(other).dtype):
            raise ValueError("arrays of other shapes than the network's")


def _check_finite(arrays: Iterable[np.ndarray]) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise ValueError("weights that are not finite")


def digest_of_start(start: FittedState | None) -> str:
    """A hash of all that a warm start resumes."""
    if start is None:
        return digest(())
    arrays = [array for group in _arrays(start).values() for array in group]
    return f"{digest(arrays)} {start.progress.epochs} {start.progress.plateau}"


def _arrays(state: FittedState) -> dict[str, Sequence[np.ndarray]]:
    raw_weights = state.progress.raw_weights or ()
    return {
        "weights": state.arrays,
        "raw_weights": [array for layer in raw_weights for array in layer],
        "optimizer": state.progress.optimizer,
    }


def digest(arrays: Iterable[np.ndarray]) -> str:
    """A hash of arrays' shapes, dtypes and bytes."""
    hashed = hashlib.blake2b(digest_size=16)
    for array in arrays:
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()
