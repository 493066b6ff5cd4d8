"""Parts of docstrings that several estimators share: attributes, notes, references."""

from __future__ import annotations

from inspect import cleandoc
from typing import TypeVar

T = TypeVar("T", bound=type)

OBJECTIVE = cleandoc(r"""
Minimises, over the weights :math:`W` and biases of all layers,

.. math::
    \frac{1}{\sum_i s_i} \sum_i s_i\, L(y_i, g(f_W(x_i)))
    + \lambda_1 \sum |W| + \lambda_2 \sum W^2

with the sample weights :math:`s`, the loss :math:`L` (`loss`), the network's raw output
:math:`f_W`, the activation :math:`g` of the outputs, and the penalties :math:`\lambda_1`
(`l1`) and :math:`\lambda_2` (`l2`) on the kernels.""")

WIDE_DEEP = """\
Some columns go straight to the output (the wide path, for simple rules) and some through
hidden layers first (the deep path, for patterns); both paths are trained together [10]_. The
raw output is

.. math::
    W_{wide}^T [x_{wide}, c(x)] + W_{deep}^T h(x_{deep}) + b

with the crosses :math:`c` (`wide_crosses`) and the last hidden layer :math:`h`; the objective
is that of the multilayer perceptron."""

KERAS = """\
`fit` calls the function `model`, or takes the model itself, and trains a network of the same
configuration, whose weights are drawn from `random_state`; to start from a model's own weights,
also pass it as `pretrained`. Loss, optimizer and metrics are those that the model is compiled
with; a model that is not compiled gets those of the parameters. A network of dense layers,
dropout, normalisation, concatenation and known activations predicts in NumPy, and is trained in
stacks by the searches of `skmlp.model_selection`. Any other is run by Keras as a whole inside
the compiled epoch, without XLA if it has convolutions, pooling, batch normalisation, recurrent
layers or layers of your own."""

KERAS_ATTRIBUTES = """\
model : keras.Model
    The fitted model, as `model_`. Before `fit`, and in `get_params`, what was given.
X_shape_ : tuple of int
    Shape of X in `fit`.
input_blocks_ : dict
    First and last column (exclusive) of the arrays that X held for several inputs.
input_columns_ : dict
    Positions of the columns that `inputs` chooses for each input."""

CLASSIFIER_ATTRIBUTES = """\
classes_ : ndarray of shape (n_classes,)
    Sorted labels; for an indicator matrix, the numbers of its columns.
y_type_ : str
    "binary", "multiclass", "multilabel-indicator" or, with several outputs,
    "multiclass-multioutput".
n_outputs_ : int
    Number of outputs: 1 for two classes, otherwise the number of classes or labels.
sparse_output_ : bool
    Whether `predict` returns a sparse matrix, because the training indicators were one."""

REGRESSOR_ATTRIBUTES = """\
n_outputs_ : int
    Number of targets.
target_mean_, target_scale_ : ndarray of shape (n_outputs,) or None
    Mean that `normalize_y` subtracts from the targets, and scale it divides them by; None
    without `normalize_y`."""

REUSED_ATTRIBUTE = """\
n_reused_layers_ : int
    Layers, from the bottom, that began with the weights of `pretrained`."""

WIDE_DEEP_ATTRIBUTES = """\
wide_inputs_, deep_inputs_ : ndarray of int, of shape (n_inputs, 2)
    Inputs of each path, a row (column of X, k) per input: k is -1 for the column's value;
    otherwise the input is 1 where the column has the k-th of its `categories_`, else 0.
cross_inputs_ : ndarray of int, of shape (n_crosses, 2, 2)
    The two factors of each cross, as rows of `wide_inputs_`. The wide path's inputs are
    `wide_inputs_`, then the crosses, then the buckets of each hashed cross. `prune` leaves
    out those without weights.
hashed_crosses_ : ndarray of int, of shape (n_hashed_crosses, 2, 2)
    The two factors of each cross that `wide_hash_buckets` bounds, a row (column of X, k) per
    factor: k is -1 for the column's value; otherwise the column's categories are hashed into
    k buckets.
categories_ : dict of lists
    Categories of each column of categorical dtype, by the column's name."""

ATTRIBUTES = """\
n_features_in_ : int
    Number of features.
feature_names_in_ : ndarray of shape (`n_features_in_`,)
    Names of the features, where all are strings.
coefs_ : list of ndarray, float32
    Kernels; the i-th has shape (units of layer i, units of layer i + 1). The last kernel's
    rows are the wide inputs, if there are any, then the units of the last hidden layer.
intercepts_ : list of ndarray, float32
    Biases; the i-th belongs to layer i + 1.
model_ : keras.Model
    A Keras model with the fitted weights, built anew at each access and compiled with the
    estimator's loss, penalties and optimizer.
n_iter_ : int
    Epochs run by the last call.
history_ : dict of lists
    Values per epoch: "loss" (penalties included), "learning_rate" (of the epoch's last
    step), `metrics` and, with validation data, "val_loss" and so on. Penalties of outputs
    are in "loss" alone. A call that resumes training appends to the lists, NaN where it does
    not measure a value.
loss_curve_ : list of float
    `history_["loss"]`.
loss_ : float
    The last value of `loss_curve_`.
best_loss_ : float or None
    The lowest training loss of the last call; None if validation data were watched.
validation_scores_ : list of float or None
    Score of the validation data after every epoch (the negative loss if scoring="loss");
    None without validation data.
best_validation_score_ : float or None
    Score of the weights that are kept, unless a callback restores others: the highest score
    of the last call, among the epochs that count (see `early_stopping`). None without
    validation data or a finite score.
stop_reason_ : str
    Why training ended, and what to change if that was too early."""

NOTES = """\
Notes
-----
With validation data, the weights of the best epoch are kept (the later of two equally good
epochs); without it, those of the last epoch. A loss that is not finite ends training with a
`ConvergenceWarning`, and Ctrl-C ends it with a warning: both keep the best weights so far.

A compiled program is reused by all fits in the process with the same network, batch size and
optimizer; learning rate, penalties and dropout rates may differ.

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

WIDE_DEEP_REFERENCE = """\
.. [10] Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems",
   https://arxiv.org/abs/1606.07792
.. [11] Weinberger et al. 2009, "Feature Hashing for Large Scale Multitask Learning",
   https://arxiv.org/abs/0902.2206"""

SHARED = {
    "{objective}": OBJECTIVE,
    "{wide_deep}": WIDE_DEEP,
    "{keras}": KERAS,
    "{keras_attributes}": KERAS_ATTRIBUTES,
    "{classifier_attributes}": CLASSIFIER_ATTRIBUTES,
    "{regressor_attributes}": REGRESSOR_ATTRIBUTES,
    "{wide_deep_attributes}": WIDE_DEEP_ATTRIBUTES,
    "{attributes}": ATTRIBUTES,
    "{reused_attribute}": REUSED_ATTRIBUTE,
    "{notes}": NOTES,
    "{wide_deep_reference}": WIDE_DEEP_REFERENCE,
}


def with_shared_parts(cls: T) -> T:
    """Class decorator that puts the shared parts into an estimator's docstring."""
    doc = cleandoc(cls.__doc__ or "")
    for marker, part in SHARED.items():
        doc = doc.replace(marker, part)
    cls.__doc__ = doc
    return cls
