"""The parameters and attributes that all estimators document, written once."""

from __future__ import annotations

from inspect import cleandoc
from typing import TypeVar

T = TypeVar("T", bound=type)

ARCHITECTURE = """\
hidden_layer_sizes : int or sequence of int, default=(100,)
    Units of each hidden layer; () is a linear model.
n_hidden : int, default=None
    If set, the number of hidden layers, at least 0; layers beyond those of
    `hidden_layer_sizes` are as wide as its last one. For searches.
n_neurons : int, default=None
    If set, the units of every hidden layer, at least 1. For searches.
activation : str, callable, keras.layers.Layer or list of these, default="relu"
    Activation of the hidden layers, one for all or one for each: any name that Keras knows
    ("relu", "elu", "selu", "gelu", "silu", "mish", "tanh", ...), scikit-learn's "logistic"
    and "identity", "leaky_relu" (slope 0.01), "prelu" (learned slopes, zero at first) [1]_,
    "rrelu" (in training, slopes drawn from [1/8, 1/3); after it, their mean) [5]_, a
    function of an array of units, or a Keras layer, which needs TensorFlow to predict.
kernel_initializer : str or keras.initializers.Initializer, default="auto"
    First values of the kernels, by Keras's name or as an object, whose seed is replaced by
    one that derives from `random_state`; biases start at zero. "auto" is Glorot's uniform
    one [3]_, which also draws the biases of the hidden layers, as in scikit-learn's MLP; for
    "selu" it is LeCun's normal one [2]_. Rectified outputs get a tenth of it and biases of
    0.1, since an output that begins below zero would stay there. For deep networks of
    rectifiers "he_normal" may be better [1]_.
normalization : "batch", "layer", keras.layers.Layer or None, default=None
    Normalisation of every hidden layer before its activation: "batch", over the rows of a
    batch in training and by moving averages after it [6]_, or "layer", over the units of a
    row [7]_; or an object of `keras.layers.BatchNormalization` or `LayerNormalization` with
    settings of your own. Batch normalisation takes the place of the layer's bias, and its
    averages weigh rows by their sample weights.
dropout : float or sequence of float, default=0.0
    Share of units, in [0, 1), that each hidden layer drops at random in training [4]_: one
    number for all layers or one for each. After "selu" it is alpha dropout [2]_.
input_dropout : float, default=0.0
    Share of features, in [0, 1), that is dropped at random in training; beside a wide path,
    of those of the hidden layers."""

WIDE_DEEP = """\
wide_features, deep_features : slice, array-like, callable or None, default=None
    Columns of the wide path and of the deep one, in any order; they may overlap. A slice or
    list of positions, a boolean mask, a list of column names, or a function of X that gives
    one of these, such as `sklearn.compose.make_column_selector`; None is all columns. A
    column of a frame's categorical dtype gives one indicator for each category seen in fit;
    a missing value, and a category not seen in fit, sets none of them. Without hidden layers
    there is no deep path.
wide_crosses : list of pairs of columns, default=None
    Further wide inputs: the product of two columns, given by names or positions; of two
    columns of categorical dtype, an indicator for each combination seen in fit.
wide_l1, wide_l2 : float, default=0.0
    Penalties as `l1` and `l2`, of the wide path's weights alone; they are added to those.
wide_optimizer : str, keras.optimizers.Optimizer or None, default=None
    Optimizer of the wide path's weights, such as "ftrl"; None is `optimizer`. By name it
    steps at the learning rate, schedule included, of the other one; an object keeps its own.
aux_loss_weight : float, default=0.0
    In [0, 1): above 0 the deep path has an auxiliary output, trained on the same targets; its
    loss is weighted so, and that of the main output by the rest."""

WIDE_DEEP_ATTRIBUTES = """\
wide_inputs_, deep_inputs_ : ndarray of int, of shape (n_inputs, 2)
    Inputs of both paths, each by its column of X and either -1, for the column's number, or
    the position in `categories_` of the category that it indicates.
cross_inputs_ : ndarray of int, of shape (n_crosses, 2, 2)
    Both factors of every cross, in the same way; crosses follow the other wide inputs.
categories_ : dict of lists
    Of every column of categorical dtype, by name, its categories."""

TRAINING = """\
l1 : float, default=0.0
    Weight of the sum of the kernels' absolute values in the objective.
l2 : float, default=0.0
    Weight of the sum of the kernels' squares in the objective, not halved, as in Keras.
optimizer : str or keras.optimizers.Optimizer, default="adam"
    Any Keras optimizer by name, or an object, which is copied and never changed.
learning_rate : float, default=1e-3
    Step size, above 0; `scipy.stats.loguniform(3e-4, 3e-2)` is a good space to search. An
    optimizer object keeps its own rate where this is left at its default.
learning_rate_schedule : str, callable, Keras schedule or None, default=None
    How the rate changes from step to step (a step is a batch; t is the number of steps
    made), each time as a factor of `learning_rate`:

    - "constant" or None: 1;
    - "exponential": ``decay_rate ** (t / decay_steps)``;
    - "inverse_time": ``1 / (1 + decay_rate * t / decay_steps)``;
    - "cosine": half a cosine wave from 1 to 0 over `decay_steps` [8]_;
    - "warmup_cosine": from 0 to 1 over `warmup_steps`, then as "cosine";
    - "one_cycle": half a cosine wave from 1/25 up to 1 over `warmup_steps`, then one down
      to 1/250,000 over `decay_steps` [9]_;
    - "plateau": times `decay_rate` whenever the validation loss (without validation data
      the training loss) has not fallen by `tol` for half of `n_iter_no_change` epochs.

    Or a function that gives the rate itself for an epoch's number, from 0; or an object of
    `keras.optimizers.schedules`, which brings a rate of its own.
decay_rate : float, default=None
    Above 0; None is 0.96 for "exponential", 0.1 for "inverse_time", 0.2 for "plateau".
decay_steps : int, default=None
    At least 1; None is one epoch's steps for "exponential" and "inverse_time", and else all
    steps of the fit after the warm-up, beginning with its first.
warmup_steps : int, default=None
    At least 0; None is a tenth of all steps of the fit for "warmup_cosine" and three tenths
    for "one_cycle".
momentum : float, default=None
    In [0, 1), for optimizers that have it; None leaves the optimizer's own.
nesterov : bool, default=None
    Whether momentum looks ahead, for optimizers that have it; None leaves the optimizer's
    own.
weight_decay : float, default=None
    Share of every weight that a step takes away, times the learning rate; None leaves the
    optimizer's own.
clipnorm : float, default=None
    Above 0: longer gradients are cut to this norm, those of each kernel, bias and so on by
    themselves. At most one of the three ways of clipping can be set.
clipvalue : float, default=None
    Above 0: every number in the gradients is cut to [-clipvalue, clipvalue].
global_clipnorm : float, default=None
    Above 0: if the norm of all gradients together is larger, all are scaled down to it.
ema_decay : float, default=None
    In (0, 1): predictions and validation use an exponential moving average of the weights,
    ``average = ema_decay * average + (1 - ema_decay) * weights`` after every step, while
    training goes on with the weights themselves. Between epochs, callbacks see the averages.
batch_size : int, "auto" or None, default="auto"
    Rows per step; None is 32, as in Keras; "auto" is `min(200, n_samples)`, and with
    `early_stopping`, which counts epochs, 100 below 5,000 training rows, 50 below 2,500 and
    32 below 1,250. The last batch of an epoch may be smaller and counts by its true size.
epochs : int, default=200
    Passes over the training rows, at most.
shuffle : bool, default=True
    Whether every epoch goes through the rows in a new order.
early_stopping : bool, default=False
    Whether to stop when the validation score (see `scoring`) has not improved. Without
    validation data in `fit`, `validation_fraction` of the rows is held out. If False, the
    training loss is watched instead, unless `fit` was given validation data: then all
    epochs are run. Scores of held-out rows count from the epoch in which the 100th step is
    made, or from the one after `n_iter_no_change` epochs if that is earlier.
scoring : str, callable or None, default=None
    What of the validation data tells the best epoch: None is `score`, "loss" the loss, and
    else a scikit-learn scorer by name or as a callable (estimator, X, y).
validation_fraction : float, default=0.1
    Share of the rows that `early_stopping` holds out, in (0, 1).
n_iter_no_change : int or numpy.inf, default=10
    Training stops after more than this many epochs in a row without an improvement by
    `tol`; `numpy.inf` never stops it.
tol : float, default=1e-4
    Least improvement that counts, of the training loss or of the validation score.
warm_start : bool, default=False
    Whether `fit` goes on from the weights and the optimizer's state of the last call.
metrics : str, Keras metric, list of these or None, default=None
    Names of scikit-learn scorers, and Keras metrics by name ("mse" and the like too) or as
    objects, to be measured after every epoch, into `history_`: on the training rows under
    the names given, and on validation rows after "val". "acc" is scikit-learn's "accuracy".
    Unlike in Keras, those of the training rows too are measured after the epoch.
callbacks : list of keras.callbacks.Callback, default=None
    Called as by `keras.Model.fit`, each fit with copies of its own. A callback with a hook
    for batches makes epochs run batch by batch, which is slower. A fitted estimator is
    saved without them.
checkpoint_dir : str or path-like, default=None
    Directory in which `fit` keeps a checkpoint, for one fit alone. A fit that was
    interrupted, run again with the same parameters and data, resumes it and ends with the
    same bits; with others it is refused, and so are parameters that cannot be compared.
    Where another fit has put its checkpoint there meanwhile, or the disk is full, `fit`
    warns and trains on. `load_checkpoint` reads it, also while training goes on.
checkpoint_every : int, default=1
    Epochs between checkpoints, at least 1; the end of training is always kept.
random_state : int, RandomState instance or None, default=None
    Seed of the initial weights, the order of rows, dropout and the held-out rows. Equal
    integers give equal bits. None draws one seed from NumPy's global generator, as
    everywhere in scikit-learn; nothing else touches it.
verbose : int, default=0
    1 shows a progress bar over epochs, in a notebook as a widget if it has ipywidgets; 0
    prints nothing."""

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
    "{architecture}": ARCHITECTURE,
    "{training}": TRAINING,
    "{wide_deep}": WIDE_DEEP,
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
