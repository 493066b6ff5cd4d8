"""The parameters and attributes that all estimators document, written once."""

from __future__ import annotations

from inspect import cleandoc
from typing import TypeVar

T = TypeVar("T", bound=type)

WIDE_DEEP_ATTRIBUTES = """\
wide_inputs_, deep_inputs_ : ndarray of int, of shape (n_inputs, 2)
    Inputs of both paths, each by its column of X and either -1, for the column's number, or
    the position in `categories_` of the category that it indicates.
cross_inputs_ : ndarray of int, of shape (n_crosses, 2, 2)
    Both factors of every cross, in the same way; crosses follow the other wide inputs.
categories_ : dict of lists
    Of every column of categorical dtype, by name, its categories."""

ATTRIBUTES = """\
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, where all are strings.
coefs_ : list of ndarray, float32
    Kernels; the i-th has shape (units of layer i, units of layer i + 1). Inputs of the last
    one are the wide inputs, if there are any, and then the last hidden layer's units.
intercepts_ : list of ndarray, float32
    Biases; the i-th belongs to layer i + 1.
model_ : keras.Sequential, or keras.Model with the inputs "wide_input" and "deep_input"
    A Keras model with the fitted weights, built anew at each access and compiled with the
    estimator's loss, penalties and optimizer.
n_iter_ : int
    Epochs run by the last call.
history_ : dict of lists
    "loss" (penalties included), "learning_rate" (of the epoch's last step), those of
    `metrics` and, with validation data, "val_loss" and so on, of every epoch; calls that go
    on from earlier ones add to the lists.
loss_curve_ : list of float
    `history_["loss"]`.
loss_ : float
    The last of `loss_curve_`.
best_loss_ : float or None
    The lowest training loss of the last call; None where validation data were watched.
validation_scores_ : list of float or None
    Score of the validation data after every epoch (with scoring="loss", the loss with its
    sign turned); None without validation data.
best_validation_score_ : float or None
    Score of the weights that are kept: the highest of the last call, among the epochs that
    count (see `early_stopping`).
stop_reason_ : str
    Why training ended, and what to change if that was too early."""

NOTES = """\
Notes
-----
With validation data the weights of the best epoch are kept, the later one of two equals;
without, the last ones are. A loss that is not finite ends training with a
`ConvergenceWarning`, and Ctrl-C ends it with a warning: both keep the best weights so far.

Programs compiled for one network are used again by every fit of the same network, batch
size and optimizer in the process, whatever the learning rate, penalties and dropout rates.

References
----------
.. [1] He et al. 2015, "Delving Deep into Rectifiers", https://arxiv.org/abs/1502.01852
.. [2] Klambauer et al. 2017, "Self-Normalizing Neural Networks",
   https://arxiv.org/abs/1706.02515
.. [3] Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward
   neural networks", https://proceedings.mlr.press/v9/glorot10a.html
.. [4] Srivastava et al. 2014, "Dropout", https://jmlr.org/papers/v15/srivastava14a.html
.. [5] Xu et al. 2015, "Empirical Evaluation of Rectified Activations in Convolutional
   Network", https://arxiv.org/abs/1505.00853
.. [6] Ioffe and Szegedy 2015, "Batch Normalization", https://arxiv.org/abs/1502.03167
.. [7] Ba et al. 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450
.. [8] Loshchilov and Hutter 2016, "SGDR", https://arxiv.org/abs/1608.03983
.. [9] Smith and Topin 2017, "Super-Convergence", https://arxiv.org/abs/1708.07120"""

SECTIONS = {
    "{wide_deep_attributes}": WIDE_DEEP_ATTRIBUTES,
    "{attributes}": ATTRIBUTES,
    "{notes}": NOTES,
}


def with_shared_sections(cls: T) -> T:
    """Fill the shared sections into the docstring of an estimator."""
    doc = cleandoc(cls.__doc__ or "")
    for marker, section in SECTIONS.items():
        doc = doc.replace(marker, section)
    cls.__doc__ = doc
    return cls
