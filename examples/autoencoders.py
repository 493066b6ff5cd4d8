"""
Autoencoders: compression, denoising, anomalies
===============================================

`MLPAutoencoder` on handwritten digits, beside PCA where PCA can do the same: how much of an
image is left in a few numbers, how well noise is removed, and which images are unlike the
others.

    python examples/autoencoders.py [--full] [--data FILE.npz]

By default 2,000 images are learned, with `--full` 6,000. MNIST comes from Keras's download, or
from a file with `X_train`, `y_train`, `X_test` and `y_test`.
"""

import experiments
import matplotlib.pyplot as plt
import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skmlp import MLPAutoencoder

given = experiments.arguments(__doc__)

# %%
# The images
# ----------
# Pixels from 0 to 1, one row per image. The labels are used only to judge the results.

X, y, X_test, y_test = experiments.mnist(given.data)
n_rows = 6000 if given.full else 2000
X, y = np.float32(X[:n_rows].reshape(-1, 784)) / 255, y[:n_rows]
X_test, y_test = np.float32(X_test[:2000].reshape(-1, 784)) / 255, y_test[:2000]
settings = {
    "learning_rate": 0.002,
    "learning_rate_schedule": "cosine",
    "batch_size": 200 if given.full else 50,
    "epochs": 25 if given.full else 15,
    "random_state": 0,
}


def error(reconstruction):
    """Mean squared error of reconstructed test images."""
    return float(np.mean(np.square(reconstruction - X_test)))


# %%
# Compression
# -----------
# A code of 16 numbers instead of 784. PCA's is the best linear one; a network bends.

pca = PCA(16, random_state=0).fit(X)
autoencoder = MLPAutoencoder((256, 16), **settings).fit(X)
compressed = {
    "PCA": pca.inverse_transform(pca.transform(X_test)),
    "MLPAutoencoder": autoencoder.reconstruct(X_test),
}
print("Compression to 16 numbers: mean squared error of test images")
for name, images in compressed.items():
    print(f"  {name:15} {error(images):.4f}")

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
pca = PCA(64, random_state=0).fit(X)
restored = {
    "as they are": noisy,
    "PCA": pca.inverse_transform(pca.transform(noisy)),
    "trained to copy": MLPAutoencoder((256, 64), **settings).fit(X).reconstruct(noisy),
    "masking=1/3": MLPAutoencoder((256, 64), masking=1 / 3, **settings)
    .fit(X)
    .reconstruct(noisy),
}
print("Images with a third of the pixels lost: mean squared error")
for name, images in restored.items():
    print(f"  {name:15} {error(images):.4f}")

# %%
# From top to bottom: images, their reconstructions from 16 numbers, images with lost pixels,
# and these restored.

rows = {
    "images": X_test,
    "PCA": compressed["PCA"],
    "16 numbers": compressed["MLPAutoencoder"],
    "lost pixels": noisy,
    "PCA, 64": restored["PCA"],
    "masking=1/3": restored["masking=1/3"],
}
_, axes = plt.subplots(len(rows), 10, figsize=(7.5, 4.6), layout="constrained")
for of_row, (name, images) in zip(axes, rows.items(), strict=True):
    for ax, image in zip(of_row, images, strict=False):
        ax.imshow(image.reshape(28, 28), cmap="gray_r", vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
    of_row[0].set_ylabel(name, rotation=0, ha="right", va="center")

# %%
# Anomalies
# ---------
# Trained on twos alone, the error of a reconstruction tells other digits from twos.

twos = X[y == 2]
is_two = y_test == 2
of_twos = {
    **settings,
    "batch_size": 50 if given.full else 20,
    "epochs": 60 if given.full else 40,
}
detectors = {
    "MLPAutoencoder": MLPAutoencoder((128, 16), **of_twos),
    "IsolationForest": IsolationForest(random_state=0),
}
print("Twos among other digits: area under the ROC curve")
for name, detector in detectors.items():
    scores = detector.fit(twos).score_samples(X_test)
    print(f"  {name:15} {roc_auc_score(is_two, scores):.3f}")
pca = PCA(16, random_state=0).fit(twos)
errors = np.square(pca.inverse_transform(pca.transform(X_test)) - X_test).mean(axis=1)
print(f"  {'PCA':15} {roc_auc_score(is_two, -errors):.3f}")
plt.show()
