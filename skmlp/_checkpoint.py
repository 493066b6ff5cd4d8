"""Checkpoints: all that an interrupted fit needs to go on, in one file of arrays and JSON.

The file is written beside its place, synced, and renamed into it, so that there is always one
whole checkpoint and a reader never meets half of one. It holds no code: loading is safe.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skmlp._state import Weights

if TYPE_CHECKING:
    from skmlp._engine import Plan, Program, Run

FILE_NAME = "checkpoint.npz"
FORMAT = 1


@dataclass(frozen=True)
class Saved:
    """What a checkpoint holds."""

    facts: dict[str, Any]
    arrays: Mapping[str, np.ndarray]

    def several(self, name: str) -> list[np.ndarray]:
        return [self.arrays[f"{name}/{i}"] for i in range(self.facts["sizes"][name])]

    def weights(self) -> Weights:
        """Of every layer its arrays, as predictions use them."""
        flat = iter(self.several("weights"))
        return tuple(tuple(next(flat) for _ in range(n)) for n in self.facts["layers"])

    def learned(self) -> dict[str, Any]:
        """The attributes that the estimator learned from its data."""
        texts = self.facts["texts"]
        arrays = {
            name.removeprefix("learned/"): array
            for name, array in self.arrays.items()
            if name.startswith("learned/")
        }
        return self.facts["learned"] | {
            name: array.astype(object) if name in texts else array
            for name, array in arrays.items()
        }

    def check(self, settings: Mapping[str, str], path: Path) -> None:
        """Refuse to go on with other settings or data than those it was written with."""
        before = self.facts["settings"]
        differing = [name for name in settings if settings[name] != before.get(name)]
        if differing:
            name = differing[0]
            raise ValueError(
                f"'checkpoint_dir' must be that of a fit with the same settings and data; "
                f"{' and '.join(differing)} changed ({name} was {before.get(name)}, is "
                f"{settings[name]}); set them back, or choose another directory than "
                f"{str(path.parent)!r}."
            )


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a fit is saved, and what it is a fit of."""

    path: Path
    saved: Saved | None  # what there is to go on from
    every: int  # epochs
    settings: Mapping[str, str]  # parameters and digests of data, by what users call them
    learned: Mapping[str, Any]

    def save(self, program: Program, run: Run) -> None:
        """Write the state of training after an epoch, if it is time to."""
        if run.epochs % self.every and run.reason is None:
            return
        with program.averaged():
            weights = program.weights()
        snapshots = {
            "now": [program.snapshot()],
            "best": [run.best],
            "safe": [run.safe] if run.safe is not run.best else [],
            "weights": [array for arrays in weights for array in arrays],
            "optimizer": program.optimizer_state(),
        }
        arrays = {
            f"{name}/{i}": np.asarray(array)
            for name, several in snapshots.items()
            for i, array in enumerate(several)
        }
        learned = {k: v for k, v in self.learned.items() if isinstance(v, np.ndarray)}
        texts = [name for name, array in learned.items() if array.dtype == object]
        for name, array in learned.items():
            arrays[f"learned/{name}"] = array.astype(str) if name in texts else array
        facts = {
            "format": FORMAT,
            "sizes": {name: len(several) for name, several in snapshots.items()},
            "layers": [len(layer) for layer in weights],
            "settings": dict(self.settings),
            "learned": {k: v for k, v in self.learned.items() if k not in learned},
            "texts": texts,
            "history": run.history,
            "scores": run.scores,
            "best_value": run.best_value,
            "patience": [run.patience.best, run.patience.waited],
            "plateau": run.plateau.state() if run.plateau else None,
            "reason": run.reason and run.reason.name,
        }
        write(self.path, facts, arrays)

    def resume(self, program: Program, plan: Plan) -> Run | None:
        """The saved fit, to go on with, its optimizer's state set; None if there is none."""
        from skmlp._engine import Run, StopReason  # imports TensorFlow

        saved = self.saved
        if saved is None:
            return None
        facts = saved.facts
        (now,), (best,), safe = map(saved.several, ("now", "best", "safe"))
        program.restore_optimizer(saved.several("optimizer"))
        best_seen, waited = facts["patience"]
        return Run(
            patience=replace(plan.patience, best=best_seen, waited=waited),
            plateau=plan.plateau.at(facts["plateau"]) if plan.plateau else None,
            now=now,
            best=best,
            safe=safe[0] if safe else best,
            best_value=facts["best_value"],
            history=facts["history"],
            scores=facts["scores"],
            reason=StopReason[facts["reason"]] if facts["reason"] else None,
        )


def checkpoint_path(directory: str | os.PathLike) -> Path:
    return Path(directory) / FILE_NAME


def read(path: Path) -> Saved | None:
    """The newest checkpoint, also while another process trains; None where there is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except FileNotFoundError:
        return None
    return Saved(json.loads(str(arrays.pop("facts"))), arrays)


def write(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Put a whole checkpoint in the place of the last one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    with open(beside, "wb") as file:
        contents: dict[str, Any] = {**arrays, "facts": json.dumps(facts)}
        np.savez(file, **contents)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def digest(arrays: Iterable[np.ndarray]) -> str:
    """A hash of arrays' shapes, dtypes and bytes."""
    hashed = hashlib.blake2b(digest_size=16)
    for array in arrays:
        hashed.update(f"{array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()
