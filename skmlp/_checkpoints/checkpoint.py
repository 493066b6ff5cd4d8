"""Checkpoints: the state from which an interrupted fit resumes, or the result of a fit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from skmlp._checkpoints.file import read_file, undamaged, write_file
from skmlp._checkpoints.learned import check_learned
from skmlp._checkpoints.portable import from_json
from skmlp._engine.fitted import FittedNetwork
from skmlp._engine.state import TrainingState
from skmlp._engine.stopping import Patience, Plateau, StopReason
from skmlp._kinds.base import Weights
from skmlp._network.spec import NetworkSpec
from skmlp._warnings import warn

if TYPE_CHECKING:
    from skmlp._engine.fit import Training

NUMBER = (int, float)
# Types of the JSON entries: [t] is a list of t, {str: t} a dict of t, (t, u) either of two.
FACTS: dict[str, Any] = {
    "settings": {str: str},
    "learned": dict,
    "layers": [int],
    "history": {str: [NUMBER]},
    "scores": [NUMBER],
    "best_value": NUMBER,
    "patience": [NUMBER],
    "plateau": ([NUMBER], type(None)),
    "reason": (str, type(None)),
    "has_validation": bool,
    "earlier": {str: (list, dict)},
    "seed": int,
    "epochs_before": int,
    "optimizer_name": str,
}


@dataclass(frozen=True)
class Saved:
    """A checkpoint as read from its file."""

    path: Path
    token: str
    facts: dict[str, Any]
    arrays: Mapping[str, np.ndarray]

    def several(self, name: str) -> list[np.ndarray]:
        n = sum(key.startswith(f"{name}/") for key in self.arrays)
        return [self.arrays[f"{name}/{i}"] for i in range(n)]

    def fitted(self, spec: NetworkSpec) -> FittedNetwork:
        """The network and its training state; refuses weights that do not fit the network."""
        with undamaged(self.path):
            weights = self._by_layer("weights", self.facts["layers"])
            _check_weights(weights, spec)
            return FittedNetwork(spec, weights, self._training())

    def _training(self) -> TrainingState:
        facts = self.facts
        reason = StopReason[facts["reason"]] if facts["reason"] else None
        (now,), (best,) = self.several("now"), self.several("best")
        (safe,) = self.several("safe") or (best,)
        (rate,), kept = self.several("learning_rate"), self.several("kept")
        return TrainingState(
            seed=facts["seed"],
            epochs_before=facts["epochs_before"],
            optimizer_name=facts["optimizer_name"],
            optimizer=tuple(self.several("optimizer")),
            learning_rate=float(rate),
            plateau=facts["plateau"] and Plateau(*facts["plateau"]),
            now=now,
            best=best,
            safe=safe,
            kept=kept[0] if kept else None,
            best_value=facts["best_value"],
            patience=Patience(*facts["patience"]),
            history=facts["history"],
            scores=facts["scores"],
            reason=reason,
        )

    def _by_layer(self, name: str, sizes: list[int]) -> Weights:
        flat, ends = self.several(name), list(accumulate(sizes, initial=0))
        if len(flat) != ends[-1]:
            raise ValueError("arrays that belong to no layer")
        return tuple(tuple(flat[start:end]) for start, end in pairwise(ends))

    def learned(self, known: Sequence[str]) -> dict[str, Any]:
        """The attributes that the fit learned from its data; refuses unknown ones."""
        with undamaged(self.path):
            values = {name: from_json(of) for name, of in self.facts["learned"].items()}
            check_learned(values, known)
        return values

    def of_calls(self) -> dict[str, Any]:
        """Whether there were validation data, and the history and scores of earlier calls."""
        return {name: self.facts[name] for name in ("has_validation", "earlier")}

    def check(self, settings: Mapping[str, str]) -> None:
        """Refuse to resume with other settings or data than it was written with."""
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
    """Saves a fit: where, how often, and with which settings and data."""

    path: Path
    saved: Saved | None  # to resume from
    every: int  # epochs
    settings: Mapping[str, str]  # parameters and digests of data, by the user's names
    learned: Mapping[str, Any]  # attributes learned from the data, as JSON
    earlier: Mapping[str, Any]  # history and scores of the calls before a warm start
    has_validation: bool
    _token: str | None = field(init=False)  # of the file that this fit read or wrote last
    _is_taken: bool = field(default=False, init=False)  # by another fit
    _has_failed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._token = self.saved.token if self.saved else None

    def after_epoch(self, training: Training) -> None:
        """Save if this epoch is due; the last one is left to `save` of the ended fit."""
        state = training.fit.state
        if state.epochs % self.every == 0 and state.reason is None:
            self.save(training.fitted(state.now))

    def save(self, fitted: FittedNetwork) -> None:
        """Write the state of training; if that fails, warn and train on."""
        if self._is_taken:
            return
        token = uuid4().hex
        facts, arrays = self._contents(fitted)
        try:
            self._is_taken = not write_file(self.path, token, facts, arrays, known=self._token)
        except OSError as error:
            if not self._has_failed:
                warn(
                    f"The checkpoint {str(self.path)!r} could not be written ({error}); "
                    "training continues and tries again at the next one; make room for it.",
                )
            self._has_failed = True
            return
        self._token = token
        if self._is_taken:
            warn(
                f"'checkpoint_dir' must be for one fit alone, but another fit has put its own "
                f"checkpoint into {str(self.path)!r}; this fit continues without saving; "
                "give each fit its own directory.",
            )

    def _contents(self, fitted: FittedNetwork) -> tuple[dict, dict[str, np.ndarray]]:
        state = fitted.training
        assert state.patience is not None
        is_usable = state.reason is not StopReason.NOT_FINITE
        groups: dict[str, Iterable[Any]] = {
            "weights": fitted.arrays,
            "now": [state.now],
            "best": [state.best],
            "safe": [state.safe] if state.safe is not state.best else [],
            "kept": [] if state.kept is None else [state.kept],
            "optimizer": state.optimizer if is_usable else (),
            "learning_rate": [np.float32(state.learning_rate)],
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
            "layers": [len(layer) for layer in fitted.weights],
            "history": state.history,
            "scores": state.scores,
            "best_value": state.best_value,
            "patience": list(astuple(state.patience)),
            "plateau": list(astuple(state.plateau)) if state.plateau else None,
            "reason": state.reason and state.reason.name,
            "has_validation": self.has_validation,
            "earlier": dict(self.earlier),
            "seed": state.seed,
            "epochs_before": state.epochs_before,
            "optimizer_name": state.optimizer_name if is_usable else "",
        }
        return facts, arrays

    def resume(self, training: Training) -> None:
        """Restore the saved training state, if any; refuses a state that does not fit."""
        if self.saved is None:
            return
        fit, program = training.fit, training.program
        with undamaged(self.path):
            state = self.saved.fitted(fit.spec).training
            snapshots = [state.now, state.best, state.safe]
            _check_alike(snapshots, [np.empty(program.n_values, np.float32)] * 3)
            is_usable = state.reason is not StopReason.NOT_FINITE
            _check_finite(snapshots[not is_usable :])
            # After a loss that was not finite, no optimizer state was saved.
            if state.optimizer or is_usable:
                _check_alike(state.optimizer, program.optimizer_state(training.member))
        fit.state = state


def read(path: Path) -> Saved | None:
    """The newest checkpoint, or None; another process may be training meanwhile."""
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
            plateau is None or len(plateau) == len(fields(Plateau)),
            len(facts["patience"]) == len(fields(Patience)),
            "loss" in facts["history"],
            0 <= facts["seed"] < 2**31 and facts["epochs_before"] >= 0,
        ]
        if not all(rules):
            raise ValueError("facts that no fit writes")
    return Saved(path, token, facts, arrays)


def _described(arrays: Mapping[str, np.ndarray]) -> dict[str, list]:
    return {name: [array.dtype.str, *array.shape] for name, array in arrays.items()}


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value from JSON has the given type, written as in `FACTS`."""
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
