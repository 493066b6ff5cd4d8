"""Parameters of a fit: how long it trains, on which rows, and what it reports and keeps."""

from numbers import Real
from os import PathLike
from typing import Any

import numpy as np

from skmlp._parameters.optimizer import OptimizerParameters
from skmlp._parameters.parameter import parameter, with_parameters
from skmlp._parameters.ranges import COUNT, INSIDE_0_1, NOT_NEGATIVE
from skmlp._sklearn import HasMethods, Options, StrOptions


@with_parameters
class TrainingParameters(OptimizerParameters):
    """Steps, epochs, early stopping, checkpoints and reports."""

    batch_size: int | str | None = parameter(
        default="auto",
        rule=[StrOptions({"auto"}), COUNT, None],
        types='int, "auto" or None',
        text="""
        Rows per step; None is 32, as in Keras. "auto" is `min(200, n_samples)`; with
        `early_stopping`, which counts epochs, it is 100 below 5,000 training rows, 50 below
        2,500 and 32 below 1,250. The last batch of an epoch may be smaller and counts by its
        true size.
        """,
    )
    epochs: int = parameter(
        default=200,
        rule=[COUNT],
        types="int",
        text="Maximum number of passes over the training rows.",
    )
    shuffle: bool = parameter(
        default=True,
        rule=["boolean"],
        types="bool",
        text="Whether each epoch takes the rows in a new random order.",
    )
    early_stopping: bool = parameter(
        default=False,
        rule=["boolean"],
        types="bool",
        text="""
        Whether to stop when the validation score (see `scoring`) no longer improves. Without
        validation data in `fit`, `validation_fraction` of the rows is held out. If False,
        the training loss is watched instead, unless `fit` is given validation data: then all
        epochs are run. Scores of held-out rows count from the epoch of the 100th step, or
        from epoch `n_iter_no_change` + 1 if that is earlier.
        """,
    )
    scoring: Any = parameter(
        default=None,
        rule=[str, callable, None],
        types="str, callable or None",
        text="""
        Score of the validation data by which the best epoch is chosen: None is `score`,
        "loss" is the loss, and anything else is a scikit-learn scorer by name or as a
        callable (estimator, X, y). A callable of your own is given the validation rows as the
        trained layers take them (float32; with frozen layers, the outputs of these), and an
        estimator that can predict only for exactly these rows. It is given their weights if
        it takes `sample_weight`.
        """,
    )
    validation_fraction: float = parameter(
        default=0.1,
        rule=[INSIDE_0_1],
        types="float",
        text="Share of the rows that `early_stopping` holds out, in (0, 1).",
    )
    n_iter_no_change: float = parameter(
        default=10,
        rule=[COUNT, Options(Real, {np.inf})],
        types="int or numpy.inf",
        text="""
        Training stops after more than this many epochs in a row without an improvement by
        `tol`; `numpy.inf` never stops it.
        """,
    )
    tol: float = parameter(
        default=1e-4,
        rule=[NOT_NEGATIVE],
        types="float",
        text="Smallest improvement that counts, of the training loss or the validation score.",
    )
    warm_start: bool = parameter(
        default=False,
        rule=["boolean"],
        types="bool",
        text="""
        Whether `fit` resumes from the weights and the optimizer's state of the last call.
        """,
    )
    metrics: Any = parameter(
        default=None,
        rule=[str, list, tuple, callable, HasMethods(["update_state", "result"]), None],
        types="str, Keras metric, function, list of these or None",
        text="""
        Names of scikit-learn scorers, and Keras metrics by name ("mse" and the like too), as
        objects, or as functions of (y_true, y_pred), measured after every epoch and stored in
        `history_`: for training rows under the given names, for validation rows with the
        prefix `"val_"`. "acc" is scikit-learn's "accuracy". Unlike in Keras, training rows too
        are measured after the epoch.
        """,
        takes_keras=True,
    )
    callbacks: Any = parameter(
        default=None,
        rule=[list, tuple, HasMethods(["on_epoch_end", "set_model"]), None],
        types="list of keras.callbacks.Callback",
        text="""
        Called as by `keras.Model.fit`; each fit uses its own copies. A callback with a
        hook for batches makes epochs run batch by batch, which is slower. A fitted estimator
        is saved without its callbacks.
        """,
    )
    checkpoint_dir: Any = parameter(
        default=None,
        rule=[str, PathLike, None],
        types="str or path-like",
        text="""
        Directory for the checkpoint of one fit. If an interrupted fit is run again with the
        same parameters and data, it resumes from the checkpoint and ends with the same bits.
        A checkpoint of other parameters or data is refused, and so are parameters that
        cannot be compared. If another fit saves its checkpoint there meanwhile, or the disk
        is full, `fit` warns and trains on. `load_checkpoint` reads the checkpoint, during
        training too.
        """,
    )
    checkpoint_every: int = parameter(
        default=1,
        rule=[COUNT],
        types="int",
        text="Epochs between checkpoints, at least 1; the end of training is always kept.",
    )
    random_state: Any = parameter(
        default=None,
        rule=["random_state"],
        types="int, RandomState instance or None",
        text="""
        Seed of the initial weights, the order of rows, dropout and the held-out rows. Equal
        integers give equal bits. None draws one seed from NumPy's global generator, as
        everywhere in scikit-learn; no other random generator is touched.
        """,
    )
    verbose: int = parameter(
        default=0,
        rule=["verbose"],
        types="int",
        text="""
        1 shows a progress bar over epochs, in a notebook as a widget if ipywidgets is
        installed; 0 prints nothing.
        """,
    )
