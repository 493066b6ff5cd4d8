"""Autoencoders: codes, reconstruction, noise, sparsity, tied kernels, layers one by one."""

import os
import pickle

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from scipy import sparse, stats
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skmlp import MLPAutoencoder, to_keras
from skmlp._kinds.autoencoder import GaussianNoise, MaskingNoise
from skmlp._kinds.base import Batch
from skmlp._kinds.noise import random_bits
from skmlp._network.autoencoder import AutoencoderSpec
from skmlp.model_selection import GridSearchCV, HalvingGridSearchCV

N_ROWS = 75  # with batches of 32 the last batch has 11 rows
RNG = np.random.RandomState(0)
X = (RNG.normal(size=(N_ROWS, 2)) @ RNG.normal(size=(2, 5))).astype(np.float32)
X += 0.1 * RNG.normal(size=X.shape).astype(np.float32)
SMALL = {
    "hidden_layer_sizes": (6, 2),
    "activation": "tanh",
    "optimizer": "sgd",  # compiles fastest
    "learning_rate": 0.05,
    "batch_size": 32,
    "epochs": 3,
    "random_state": 0,
}
AUTOENCODER = MLPAutoencoder(**SMALL)
FOCAL = keras.losses.BinaryFocalCrossentropy(gamma=1.0)
TIED = MLPAutoencoder(**SMALL, tied_weights=True, activity_l1=0.01)


@pytest.fixture(scope="module")
def fitted():
    """Tests must not change it."""
    return clone(AUTOENCODER).fit(X)


@pytest.fixture(scope="module")
def tied():
    """Tests must not change it."""
    return clone(TIED).fit(X)


def still(estimator):
    """A fit whose optimizer hardly changes the initial weights."""
    return clone(estimator).set_params(learning_rate=1e-30, epochs=1).fit(X)


class TestLinear:
    @pytest.mark.parametrize("tied_weights", [False, True])
    def test_linear_units_reconstruct_as_well_as_pca(self, tied_weights):
        digits = load_digits().data / 16
        pca = PCA(10).fit(digits)
        best = np.mean(np.square(pca.inverse_transform(pca.transform(digits)) - digits))
        autoencoder = MLPAutoencoder(
            (10,),
            activation="identity",
            tied_weights=tied_weights,
            learning_rate=0.01,
            learning_rate_schedule="cosine",
            batch_size=100,
            epochs=80,
            random_state=0,
        ).fit(digits)
        assert 1 < -autoencoder.score(digits) / best < 1.01


class TestMethods:
    def test_codes_and_their_reconstruction(self, fitted):
        codes = fitted.transform(X)
        assert codes.shape == (N_ROWS, 2)
        np.testing.assert_array_equal(fitted.inverse_transform(codes), fitted.reconstruct(X))
        np.testing.assert_array_equal(codes, fitted.hidden_output(X, 1))
        model = fitted.model_
        encoder = keras.Model(model.inputs, model.get_layer("activation_2").output)
        np.testing.assert_allclose(codes, encoder.predict(X, verbose=0), rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(clone(AUTOENCODER).fit_transform(X), codes)

    def test_codes_are_not_changed_by_decoding(self, fitted):
        codes = fitted.transform(X)
        before = codes.copy()
        fitted.inverse_transform(codes)
        np.testing.assert_array_equal(codes, before)

    def test_scores_are_squared_errors(self, fitted):
        errors = np.square(fitted.reconstruct(X) - X).mean(axis=1)
        np.testing.assert_allclose(fitted.score_samples(X), -errors, rtol=1e-6)
        assert fitted.score(X) == pytest.approx(-errors.mean())
        weight = np.arange(N_ROWS)
        expected = -np.average(errors, weights=weight)
        assert fitted.score(X, sample_weight=weight) == pytest.approx(expected)
        with pytest.raises(ValueError, match="Negative values"):
            fitted.score(X, sample_weight=-weight)
        rows = sparse.csr_array(X)
        np.testing.assert_allclose(fitted.score_samples(rows), -errors, rtol=1e-6)

    def test_dtypes(self, fitted):
        for dtype in (np.float32, np.float64):
            codes = fitted.transform(X.astype(dtype))
            rows = fitted.inverse_transform(codes)
            assert codes.dtype == rows.dtype == dtype
        assert fitted.inverse_transform(pd.DataFrame(codes)).dtype == np.float64

    def test_names_and_containers(self):
        frame = pd.DataFrame(X, columns=list("abcde"))
        autoencoder = clone(AUTOENCODER).set_output(transform="pandas").fit(frame)
        codes = autoencoder.transform(frame)
        names = ["mlpautoencoder0", "mlpautoencoder1"]
        assert list(codes.columns) == list(autoencoder.get_feature_names_out()) == names
        assert list(autoencoder.feature_names_in_) == list("abcde")

    def test_in_pipelines(self):
        pipeline = make_pipeline(StandardScaler(), clone(AUTOENCODER), LogisticRegression())
        assert pipeline.fit(X, X[:, 0] > 0).predict(X).shape == (N_ROWS,)
        back = pipeline[:-1].inverse_transform(pipeline[:-1].transform(X))
        assert back.shape == X.shape
        validated = make_pipeline(
            StandardScaler(), clone(AUTOENCODER), transform_input=["X_val"]
        )
        import sklearn

        with sklearn.config_context(enable_metadata_routing=True):
            validated[-1].set_fit_request(X_val=True)
            validated.fit(X, X_val=X[:20])
        assert len(validated[-1].validation_scores_) == 3

    def test_rows_that_are_unlike_the_others_score_low(self):
        rng = np.random.default_rng(0)
        autoencoder = MLPAutoencoder((2,), batch_size=32, learning_rate=0.05, random_state=0)
        autoencoder.fit(X, epochs=50)
        unlike = rng.permuted(X, axis=0)  # the same values, without their relation
        scores = autoencoder.score_samples(np.vstack([X, unlike]))
        assert roc_auc_score(np.repeat([1, 0], N_ROWS), scores) > 0.9

    def test_layers_of_the_encoder(self, fitted, tied):
        assert fitted.n_encoder_layers_ == tied.n_encoder_layers_ == 2
        assert [coef.shape for coef in fitted.coefs_] == [(5, 6), (6, 2), (2, 6), (6, 5)]
        assert [coef.shape for coef in tied.coefs_] == [(5, 6), (6, 2)]
        assert fitted.n_outputs_ == fitted.n_features_in_ == 5

    def test_a_decoder_of_its_own(self):
        autoencoder = clone(AUTOENCODER).set_params(decoder_layer_sizes=(3,), epochs=1).fit(X)
        shapes = [coef.shape for coef in autoencoder.coefs_]
        assert shapes == [(5, 6), (6, 2), (2, 3), (3, 5)]

    def test_activations(self):
        autoencoder = clone(AUTOENCODER).set_params(
            activation="relu", code_activation=None, output_activation="tanh", epochs=1
        )
        autoencoder.fit(X)
        assert autoencoder.transform(X).min() == 0
        assert np.abs(autoencoder.reconstruct(10 * X)).max() <= 1


class TestOracle:
    """Against `keras.Model.fit`, from the same weights in the same order of rows."""

    @pytest.mark.parametrize("optimizer", ["sgd", "adam"])
    def test_tied_and_sparse(self, optimizer):
        estimator = clone(TIED).set_params(
            optimizer=optimizer, learning_rate=0.01, shuffle=False, activity_l1=0.1, l2=0.02
        )
        start = still(estimator)._state.arrays
        ours = estimator.fit(X)
        losses, weights = self.fit_keras(TiedModel(0.1, 0.02), start, optimizer)
        np.testing.assert_allclose(ours.loss_curve_, losses, rtol=2e-5)
        for one, other in zip(ours._state.arrays, weights, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-6)

    @pytest.mark.parametrize(
        "loss", ["binary_crossentropy", "binary_focal_crossentropy", FOCAL]
    )
    def test_binary_crossentropy(self, loss):
        rows = MinMaxScaler().fit_transform(X).astype(np.float32)
        estimator = clone(AUTOENCODER).set_params(loss=loss, shuffle=False)
        start = clone(estimator).set_params(learning_rate=1e-30, epochs=1).fit(rows)
        model = start.model_
        assert model.layers[-1].activation is keras.activations.sigmoid
        model.compile(keras.optimizers.SGD(0.05), loss, run_eagerly=True)
        history = model.fit(rows, rows, batch_size=32, epochs=3, shuffle=False, verbose=0)
        ours = estimator.fit(rows)
        np.testing.assert_allclose(ours.loss_curve_, history.history["loss"], rtol=2e-5)
        assert ours.reconstruct(rows).min() > 0

    @staticmethod
    def fit_keras(model, start, optimizer):
        model.build(X.shape)
        for variable, array in zip(model.weights, start, strict=True):
            variable.assign(array)
        cls = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}[optimizer]
        model.compile(cls(0.01), "mse", run_eagerly=True)
        rows = tf.data.Dataset.from_tensor_slices((X, X)).batch(32)
        history = model.fit(rows, epochs=3, shuffle=False, verbose=0)
        return history.history["loss"], [variable.numpy() for variable in model.weights]


class TiedModel(keras.Model):
    """The network as a Keras user would write it."""

    def __init__(self, activity_l1, l2):
        super().__init__()
        self.activity_l1, self.l2 = activity_l1, l2

    def build(self, shape):
        for i, (width, units) in enumerate([(5, 6), (6, 2)], 1):
            for name, size in {
                "kernel": (width, units),
                "bias": (units,),
                "back": (width,),
            }.items():
                setattr(self, f"{name}_{i}", self.add_weight(shape=size, name=f"{name}_{i}"))

    def call(self, rows):
        hidden = tf.tanh(rows @ self.kernel_1 + self.bias_1)
        code = hidden @ self.kernel_2 + self.bias_2
        self.add_loss(self.activity_l1 * tf.reduce_mean(tf.reduce_sum(tf.abs(code), axis=1)))
        for kernel in (self.kernel_1, self.kernel_2):
            self.add_loss(self.l2 * tf.reduce_sum(tf.square(kernel.value)))
        hidden = tf.tanh(code @ tf.transpose(self.kernel_2) + self.back_2)
        return hidden @ tf.transpose(self.kernel_1) + self.back_1


class TestNoise:
    ROWS = tf.random.stateless_normal((400, 50), seed=(0, 0))

    def corrupted(self, kind, step=0):
        def bits(x):
            return random_bits(x, [tf.constant(7), tf.constant(step)])

        batch = Batch(None, None, bits, tf.constant([[kind.rate]]))
        return kind.in_training((), (self.ROWS,), batch).output.numpy()

    def test_normal_noise(self):
        noise = (self.corrupted(GaussianNoise(0.3)) - self.ROWS.numpy()).ravel()
        assert noise.std() == pytest.approx(0.3, rel=0.02)
        assert stats.kstest(noise / 0.3, "norm").pvalue > 0.01
        other = self.corrupted(GaussianNoise(0.3), step=1) - self.ROWS.numpy()
        assert abs(np.corrcoef(noise, other.ravel())[0, 1]) < 0.03

    def test_masking_sets_a_share_to_zero_and_leaves_the_others(self):
        masked, rows = self.corrupted(MaskingNoise(0.3)), self.ROWS.numpy()
        is_masked = masked == 0
        assert is_masked.mean() == pytest.approx(0.3, abs=0.02)
        assert np.ptp(is_masked.mean(axis=0)) < 0.2
        np.testing.assert_array_equal(masked[~is_masked], rows[~is_masked])

    def test_layers_of_keras_do_the_same(self):
        noise, masking = (kind(0.3).keras_layer() for kind in (GaussianNoise, MaskingNoise))
        rows = self.ROWS.numpy()
        assert (noise(rows, training=True) - rows).numpy().std() == pytest.approx(0.3, rel=0.05)
        masked = masking(rows, training=True).numpy()
        assert (masked == 0).mean() == pytest.approx(0.3, abs=0.02)
        np.testing.assert_array_equal(masked[masked != 0], rows[masked != 0])
        np.testing.assert_array_equal(masking(rows), rows)

    def test_clean_rows_are_the_targets(self):
        """A feature that noise hides is reconstructed from the others."""
        rows = np.repeat(np.random.RandomState(1).normal(size=(200, 1)), 6, axis=1)
        settings = {"learning_rate": 0.02, "epochs": 30, "batch_size": 32, "random_state": 0}
        plain, denoising = (
            MLPAutoencoder((6,), activation="identity", noise_std=std, **settings).fit(rows)
            for std in (0.0, 1.0)
        )
        noisy = rows + np.random.RandomState(2).normal(size=rows.shape)
        errors = [
            np.square(autoencoder.reconstruct(noisy) - rows).mean()
            for autoencoder in (plain, denoising)
        ]
        assert errors[1] < 0.5 * errors[0]

    def test_sparse_codes(self):
        autoencoder = clone(AUTOENCODER).set_params(
            hidden_layer_sizes=(6,), optimizer="adam", learning_rate=0.02, epochs=40
        )
        sizes = [
            np.abs(autoencoder.set_params(activity_l1=strength).fit_transform(X)).mean()
            for strength in (0.001, 0.1)  # one program
        ]
        assert sizes[1] < 0.5 * sizes[0]

    def test_noise_above_one(self, tmp_path):
        """Keras's own layer takes none."""
        loud = clone(AUTOENCODER).set_params(noise_std=3.0)
        stop = keras.callbacks.EarlyStopping("loss", restore_best_weights=True)
        loud.set_params(callbacks=[stop]).fit(X)
        for made in (loud.model_, to_keras(loud)):
            made.save(tmp_path / "loud.keras")
            again = keras.models.load_model(tmp_path / "loud.keras")
            np.testing.assert_allclose(again(X), loud.reconstruct(X), rtol=1e-5, atol=1e-6)
        layer = GaussianNoise(3.0).keras_layer()
        added = layer(np.zeros((100, 100)), training=True)
        assert np.std(added) == pytest.approx(3, rel=0.05)


class TestGreedy:
    # With the automatic initializer, an output that becomes a hidden layer gets biases.
    GREEDY = clone(AUTOENCODER).set_params(
        greedy=True, shuffle=False, epochs=4, kernel_initializer="glorot_uniform"
    )

    @pytest.mark.parametrize("tied_weights", [False, True])
    def test_layers_equal_autoencoders_of_one_layer(self, tied_weights):
        greedy = clone(self.GREEDY).set_params(tied_weights=tied_weights, activity_l1=0.01)
        by_hand = clone(greedy).set_params(greedy=False, hidden_layer_sizes=(6,))
        greedy.set_params(fine_tune=False).fit(X)
        first = clone(by_hand).set_params(code_activation="tanh").fit(X)
        codes = first.transform(X)
        second = clone(by_hand).set_params(
            hidden_layer_sizes=(2,), output_activation="tanh", code_activation="identity"
        )
        second.fit(codes)
        np.testing.assert_allclose(
            greedy.transform(X), second.transform(codes), rtol=1e-5, atol=1e-6
        )
        back = first.inverse_transform(second.reconstruct(codes))
        np.testing.assert_allclose(greedy.reconstruct(X), back, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(greedy.loss_curve_, second.loss_curve_, rtol=1e-5)

    def test_a_plateau_is_of_one_training(self):
        greedy = clone(self.GREEDY).set_params(
            fine_tune=False, learning_rate_schedule="plateau", n_iter_no_change=1, tol=1
        )
        greedy.fit(X).partial_fit(X)
        *of_layer, rate = greedy.history_["learning_rate"]
        assert min(of_layer) < rate == pytest.approx(greedy.learning_rate)

    def test_then_the_whole(self):
        greedy = clone(self.GREEDY).fit(X)
        parts = clone(self.GREEDY).set_params(fine_tune=False, warm_start=True).fit(X)
        layers = parts.reconstruct(X)
        assert np.any(layers != greedy.reconstruct(X))
        parts.fit(X)  # resumes, so it trains the whole
        np.testing.assert_array_equal(parts.reconstruct(X), greedy.reconstruct(X))
        assert greedy.n_iter_ == len(greedy.loss_curve_) == 4

    @pytest.mark.parametrize("is_tied", [False, True])
    def test_all_arrays_find_their_places(self, is_tied):
        whole = AutoencoderSpec(7, (6, 5, 4), (5, 6), ("prelu",) * 5, "linear", is_tied)
        layers = [
            tuple(
                tuple(np.full(shape, i) for shape in shapes)
                for shapes in whole.of_layer(i).weight_shapes()
            )
            for i in (1, 2, 3)
        ]
        joined = whole.joined(layers)
        shapes = [[array.shape for array in arrays] for arrays in joined]
        assert shapes == whole.weight_shapes()
        places = [arrays[0].flat[0] for arrays in joined if arrays]
        assert places == [1, 1, 2, 2, 3, 3] + ([3, 2] if is_tied else [3, 3, 2, 2, 1])

    def test_validation_rows_and_bars(self, capfd):
        greedy = clone(self.GREEDY).set_params(early_stopping=True)
        greedy.fit(X, verbose=1)
        bars = capfd.readouterr().err
        assert "MLPAutoencoder, layer 1 of 2: 100%" in bars
        assert "MLPAutoencoder, layer 2 of 2: 100%" in bars
        assert "MLPAutoencoder: 100%" in bars
        assert len(greedy.validation_scores_) == 4

    def test_a_layer_that_diverges_is_named(self):
        greedy = clone(self.GREEDY).set_params(learning_rate=1e20)
        with pytest.warns(ConvergenceWarning) as caught:
            greedy.fit(X)
        assert str(caught[0].message).startswith("MLPAutoencoder, layer 1 of 2 stopped in")
        assert caught[0].filename == __file__

    def test_ctrl_c_leaves_a_fitted_estimator_as_it_was(self, monkeypatch):
        from skmlp._engine.stopping import StopReason
        from skmlp._training import train

        fitted = clone(self.GREEDY).fit(X)
        before = fitted.reconstruct(X)

        def interrupted(job, watchers):
            network = original(job, watchers)
            network.training.reason = StopReason.INTERRUPTED
            return network

        original = train.train_network
        monkeypatch.setattr(train, "train_network", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fitted.fit(2 * X)
        np.testing.assert_array_equal(fitted.reconstruct(X), before)

    def test_a_checkpoint_is_of_the_whole(self, tmp_path):
        straight = clone(self.GREEDY).fit(X)

        class Stop(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                if epoch == 1:
                    raise RuntimeError("stop")

        greedy = clone(self.GREEDY).set_params(checkpoint_dir=tmp_path)
        with pytest.raises(ValueError, match="'checkpoint_dir' must be None with greedy=True"):
            clone(greedy).set_params(fine_tune=False).fit(X)
        with pytest.raises(RuntimeError, match="stop"):
            greedy.fit(X, callbacks=[Stop()])
        assert os.listdir(tmp_path)
        resumed = clone(greedy).fit(X)
        np.testing.assert_array_equal(resumed.reconstruct(X), straight.reconstruct(X))
        loaded = clone(greedy).load_checkpoint()
        np.testing.assert_array_equal(loaded.reconstruct(X), straight.reconstruct(X))


class TestSavedAndExported:
    def test_a_saved_model_has_tied_kernels(self, tied, tmp_path):
        tied.model_.save(tmp_path / "tied.keras")
        model = keras.models.load_model(tmp_path / "tied.keras")
        assert len(model.trainable_weights) == 6
        np.testing.assert_allclose(
            model.predict(X, verbose=0), tied.reconstruct(X), rtol=1e-4, atol=1e-6
        )
        penalty = 0.01 * np.abs(tied.transform(X)).sum(axis=1).mean()
        error = np.square(tied.reconstruct(X) - X).mean()
        loss = model.evaluate(X, X, batch_size=N_ROWS, verbose=0)
        assert loss == pytest.approx(error + penalty, rel=1e-5)
        model.fit(X, X, epochs=1, verbose=0)
        kernel = model.get_layer("hidden_1").kernel.numpy()
        assert np.any(kernel != tied.coefs_[0])

    def test_skops(self, tied, tmp_path):
        io = pytest.importorskip("skops.io", reason="skops is not installed")
        from skmlp import skops_trusted_types

        loaded = io.loads(io.dumps(tied), trusted=skops_trusted_types())
        np.testing.assert_array_equal(loaded.transform(X), tied.transform(X))

    def test_a_pickle_resumes(self, tied):
        thawed = pickle.loads(pickle.dumps(tied)).set_params(warm_start=True).fit(X)
        assert thawed.n_iter_ == 3
        assert len(thawed.loss_curve_) == 6

    def test_keras_callbacks_see_the_tied_model(self):
        seen = []

        class Look(keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                seen.append([array.copy() for array in self.model.get_weights()])

        watched = clone(TIED).set_params(optimizer="adam").fit(X, callbacks=[Look()])
        for ours, shown in zip(watched._state.arrays, seen[-1], strict=True):
            np.testing.assert_array_equal(ours, shown)


class TestSearches:
    def test_stacks_give_what_fits_alone_give(self):
        grid = {"noise_std": [0.1, 0.2], "masking": [0.1, 0.3], "activity_l1": [0.01, 0.1]}
        autoencoder = clone(AUTOENCODER).set_params(tied_weights=True)
        search = GridSearchCV(autoencoder, grid, cv=2).fit(X)
        results = search.cv_results_
        halves = np.array_split(np.arange(N_ROWS), 2)
        for i in (0, 7):
            alone = clone(autoencoder).set_params(**results["params"][i]).fit(X[halves[1]])
            score = results["split0_test_score"][i]
            assert score == pytest.approx(alone.score(X[halves[0]]), rel=1e-4)

    def test_a_halving_search_trains_the_layers_for_each_number_of_epochs(self):
        """A whole that resumes would have layers that were trained for fewer epochs."""
        greedy = clone(AUTOENCODER).set_params(greedy=True)
        search = HalvingGridSearchCV(
            greedy,
            {"l2": [0.0, 0.01]},
            resource="epochs",
            min_resources=1,
            max_resources=2,
            factor=2,
            cv=2,
            random_state=0,
        ).fit(X)
        assert search.best_params_["epochs"] == 2
        half, other = np.array_split(np.arange(N_ROWS), 2)
        alone = clone(greedy).set_params(**search.best_params_).fit(X[other])
        score = search.cv_results_["split0_test_score"][search.best_index_]
        assert score == pytest.approx(alone.score(X[half]), rel=1e-5)


class TestMemory:
    def test_targets_are_the_rows_themselves(self, monkeypatch):
        from skmlp._program.program import Program

        placed = []
        place = Program.place

        def watched(self, sets, rows):
            placed.append(place(self, sets, rows))
            return placed[-1]

        monkeypatch.setattr(Program, "place", watched)
        clone(AUTOENCODER).set_params(early_stopping=True).fit(X)
        assert placed[0].X is placed[0].y


BAD = {
    "no layers": ({"hidden_layer_sizes": ()}, "'hidden_layer_sizes' must hold at least the"),
    "units": ({"hidden_layer_sizes": (3, 0)}, "'hidden_layer_sizes' must hold one whole"),
    "decoder": ({"decoder_layer_sizes": (0,)}, "'decoder_layer_sizes' must hold one whole"),
    "tied": (
        {"tied_weights": True, "decoder_layer_sizes": (3,)},
        r"'decoder_layer_sizes' must mirror the encoder, \(6,\), with tied_weights=True",
    ),
    "greedy": (
        {"greedy": True, "decoder_layer_sizes": ()},
        r"'decoder_layer_sizes' must mirror the encoder, \(6,\), with greedy=True",
    ),
    "noise": ({"noise_std": -1}, "'noise_std' parameter of MLPAutoencoder must be"),
    "masking": ({"masking": 1.0}, "'masking' parameter of MLPAutoencoder must be"),
    "sparse": ({"activity_l1": -1}, "'activity_l1' parameter of MLPAutoencoder must be"),
    "activation": ({"activation": ["relu"]}, "'activation' parameter of MLPAutoencoder"),
    "range": ({"loss": "binary_crossentropy"}, r"'X' must lie in \[0, 1\] for a cross-entr"),
    "output": (
        {"loss": "bce", "output_activation": "relu"},
        "'output_activation' must be None or 'logistic' for a cross-entropy; got 'relu'",
    ),
    "scoring": ({"scoring": "r2"}, "'scoring' parameter of MLPAutoencoder must be"),
    "metrics": ({"metrics": "r2"}, "'metrics' must hold Keras metrics where .* got 'r2'"),
}


class TestBadInput:
    @pytest.mark.parametrize("case", BAD)
    def test_parameters(self, case):
        params, message = BAD[case]
        rows = np.clip(X, 0, 1) if case == "output" else X
        with pytest.raises(ValueError, match=message):
            clone(AUTOENCODER).set_params(**params).fit(rows)

    def test_a_failed_fit_changes_nothing(self, fitted):
        other = pickle.loads(pickle.dumps(fitted))
        with pytest.raises(ValueError, match="NaN"):
            other.fit(np.where(X > 2, np.nan, X))
        np.testing.assert_array_equal(other.transform(X), fitted.transform(X))

    def test_codes_of_another_width(self, fitted):
        with pytest.raises(ValueError, match="'X' must have a column for each of the 2 units"):
            fitted.inverse_transform(X)
        with pytest.raises(NotFittedError):
            MLPAutoencoder().inverse_transform(X)

    def test_validation_rows(self):
        with pytest.raises(ValueError, match="'sample_weight_val' must be given together with"):
            clone(AUTOENCODER).fit(X, sample_weight_val=np.ones(3))
        with pytest.raises(ValueError, match="X_val has 3 features"):
            clone(AUTOENCODER).fit(X, X_val=X[:, :3])
        with pytest.raises(
            TypeError, match=r"'y_val' is not a parameter of MLPAutoencoder.fit"
        ):
            clone(AUTOENCODER).fit(X, X_val=X, y_val=X)

    def test_partial_fit_of_greedy(self):
        greedy = clone(AUTOENCODER).set_params(greedy=True)
        with pytest.raises(ValueError, match="'greedy' must be False for the first partial"):
            greedy.partial_fit(X)
        assert greedy.fit(X).partial_fit(X).n_iter_ == 1

    def test_another_shape_does_not_resume(self, fitted):
        other = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True)
        for params in ({"tied_weights": True}, {"decoder_layer_sizes": ()}):
            with pytest.raises(ValueError, match=r"'tied_weights' .* must stay as they were"):
                clone_with_state(other, params).fit(X)


def clone_with_state(fitted, params):
    return pickle.loads(pickle.dumps(fitted)).set_params(**params)
