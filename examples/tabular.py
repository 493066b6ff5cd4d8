"""
A table as it is
================

A DataFrame with missing values and categories goes into `TabularRegressor` without preparation:
house prices of California, with intervals that hold a new price nine times in ten.

    python examples/tabular.py [--full]

By default two networks are trained on 1,500 rows; with `--full`, the default ensemble on
15,480. The data are scikit-learn's download; pandas comes with the extra `pandas`.
"""

import time

import experiments
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import fetch_california_housing
from sklearn.model_selection import train_test_split

from skmlp import TabularRegressor

given = experiments.arguments(__doc__)

# %%
# The table
# ---------
# The nearest large city becomes a category, and a tenth of the rooms are missing.

X, y = fetch_california_housing(return_X_y=True, as_frame=True)
cities = pd.DataFrame(
    {
        "Los Angeles": (34.05, -118.24),
        "San Francisco": (37.77, -122.42),
        "San Diego": (32.72, -117.16),
        "Sacramento": (38.58, -121.49),
        "Fresno": (36.74, -119.79),
    }
)
places = X[["Latitude", "Longitude"]].to_numpy()
distances = np.linalg.norm(places[:, :, None] - cities.to_numpy(), axis=1)
X["City"] = pd.Categorical(cities.columns[distances.argmin(axis=1)])
rng = np.random.default_rng(0)
X.loc[rng.random(len(X)) < 0.1, ["AveRooms", "AveBedrms"]] = np.nan
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
if not given.full:
    X_train, y_train = X_train[:1500], y_train[:1500]
X_train.head()

# %%
# Training
# --------

small = {} if given.full else {"n_estimators": 2, "epochs": 32}
regressor = TabularRegressor(**small, random_state=0)
start = time.perf_counter()
regressor.fit(X_train, y_train)
seconds = time.perf_counter() - start
print(f"test R2 {regressor.score(X_test, y_test):.4f}, {seconds:.0f} seconds")

regressor

# %%
# Intervals
# ---------
# The same networks predict quantiles with `loss="quantile"`. Held-out rows correct them, so
# that new targets lie between the quantiles 0.05 and 0.95 nine times in ten.

quantiles = TabularRegressor(
    **small, loss="quantile", quantiles=(0.05, 0.5, 0.95), random_state=0
).fit(X_train, y_train)
low, median, high = quantiles.predict_quantiles(X_test).T
is_inside = (y_test >= low) & (y_test <= high)
print(f"{100 * is_inside.mean():.1f} % of the prices are in their interval")

# %%
# Sixty houses, from the lowest predicted price to the highest. Dear houses have wide intervals;
# prices in these data end at 5.

shown = np.sort(rng.choice(len(y_test), 60, replace=False))
shown = shown[np.argsort(median[shown])]
_, ax = plt.subplots(figsize=(8, 4), layout="constrained")
position = np.arange(len(shown))
ax.vlines(position, low[shown], high[shown], color="C0", alpha=0.4, lw=4, label="90 % interval")
ax.plot(position, median[shown], "_", color="C0", ms=7, label="median")
ax.plot(position, y_test.to_numpy()[shown], "o", color="C1", ms=4, label="price")
ax.set(xlabel="Houses by predicted price", ylabel="Price (100,000 dollars)", xticks=[])
ax.legend(loc="upper left")
plt.show()
