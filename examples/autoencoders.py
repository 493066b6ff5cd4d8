"""
Autoencoders: compression, denoising, anomalies
===============================================

`MLPAutoencoder` on handwritten digits, beside PCA where PCA can do the same: how much of an
image is left in a few numbers, how well noise is removed, and which images are unlike the
others.

    python examples/autoencoders.py [--data FILE.npz]

FILE.npz holds `X_train`, `y_train`, `X_test` and `y_test`, images of shape (n, 28, 28) with
values from 0 to 255. Without it, Keras downloads MNIST. 6,000 images are trained on.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skmlp import MLPAutoencoder

# %%
# The images
# ----------
# Pixels from 0 to 1, one row per image. The labels are used only to judge the results.

if "--data" in sys.argv:
    with np.load(sys.argv[sys.argv.index("--data") + 1]) as data:
        names = "X_train", "y_train", "X_test", "y_test"
        X, y, X_test, y_test = (data[name] for name in names)
else:
    import keras

    (X, y), (X_test, y_test) = keras.datasets.mnist.load_data()
X, X_test = (
    np.float32(images[:n].reshape(n, -1)) / 255 for images, n in ((X, 6000), (X_test, 2000))
)
y, y_test = y[:6000].astype(int), y_test[:2000].astype(int)
SETTINGS = {"learning_rate": 0.002, "learning_rate_schedule": "cosine", "random_state": 0}


def error(reconstruction: np.ndarray) -> float:
    """Mean squared error of reconstructed test images."""
    return float(np.mean(np.square(reconstruction - X_test)))


# %%
# Compression
# -----------
# A code of 16 numbers instead of 784. PCA's is the best linear one; a network bends.

start = time.perf_counter()
pca = PCA(16, random_state=0).fit(X)
autoencoder = MLPAutoencoder((256, 16), epochs=25, **SETTINGS).fit(X)
print("Compression to 16 numbers: mean squared error of test images")
print(f"  PCA             {error(pca.inverse_transform(pca.transform(X_test))):.4f}")
print(f"  MLPAutoencoder  {-autoencoder.score(X_test):.4f}")

# %%
# The codes as features, for a classifier that sees 300 labels:

for name, encoder in {"PCA": pca, "MLPAutoencoder": autoencoder}.items():
    classifier = LogisticRegression(max_iter=2000).fit(encoder.transform(X[:300]), y[:300])
    accuracy = classifier.score(encoder.transform(X_test), y_test)
    print(f"  accuracy of 300 labels on codes of {name:15} {accuracy:.3f}")

# %%
# Denoising
# ---------
# A third of the pixels is lost. An autoencoder that is trained to restore such images does it
# better than one that is trained to copy, and better than PCA.

lost = np.random.default_rng(0).random(X_test.shape) < 1 / 3
noisy = np.where(lost, 0, X_test).astype(np.float32)
denoising = MLPAutoencoder((256, 64), masking=1 / 3, epochs=25, **SETTINGS).fit(X)
copying = MLPAutoencoder((256, 64), epochs=25, **SETTINGS).fit(X)
pca = PCA(64, random_state=0).fit(X)
print("Images with a third of the pixels lost: mean squared error")
print(f"  as they are                    {error(noisy):.4f}")
print(
    f"  PCA                            {error(pca.inverse_transform(pca.transform(noisy))):.4f}"
)
print(f"  MLPAutoencoder                 {error(copying.reconstruct(noisy)):.4f}")
print(f"  MLPAutoencoder, masking=1/3    {error(denoising.reconstruct(noisy)):.4f}")

# %%
# Anomalies
# ---------
# Trained on twos alone, the error of a reconstruction tells other digits from twos.

twos = X[y == 2]
is_two = y_test == 2
detectors = {
    "MLPAutoencoder": MLPAutoencoder((128, 16), batch_size=50, epochs=60, **SETTINGS),
    "IsolationForest": IsolationForest(random_state=0),
}
print("Twos among other digits: area under the ROC curve")
for name, detector in detectors.items():
    scores = detector.fit(twos).score_samples(X_test)
    print(f"  {name:15} {roc_auc_score(is_two, scores):.3f}")
pca = PCA(16, random_state=0).fit(twos)
errors = np.square(pca.inverse_transform(pca.transform(X_test)) - X_test).mean(axis=1)
print(f"  {'PCA':15} {roc_auc_score(is_two, -errors):.3f}")
print(f"{time.perf_counter() - start:.0f} seconds")
