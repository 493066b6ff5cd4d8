"""
A service without TensorFlow
============================

A pipeline becomes an ONNX file, which a small service answers from: with onnxruntime, NumPy and
the standard library, in an environment without TensorFlow, scikit-learn and skmlp.

    python examples/serve_onnx.py
    python examples/serve_onnx.py --file rents.onnx --port 8000

Without arguments it trains the pipeline, starts itself as a service in a second process and
asks it for predictions. With a file it is the service.
"""

import argparse
import http.client
import json
import subprocess
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import onnxruntime

# %%
# The service
# -----------
# A request is a JSON list of rows, each a dict of columns; the answer holds a list for each
# output of the file. ONNX has an input for each column. A missing number is NaN, and missing
# text is empty.

DTYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64}
MISSING = {"tensor(float)": np.nan, "tensor(double)": np.nan, "tensor(string)": ""}
MAX_BYTES = 10_000_000


class Service(BaseHTTPRequestHandler):
    """Answers `POST /` with predictions, `GET /` with names and types of the columns."""

    protocol_version = "HTTP/1.1"  # one connection for many requests
    wbufsize = -1  # headers and body in one packet
    session: onnxruntime.InferenceSession

    def do_GET(self):
        self.answer(200, {each.name: each.type for each in self.session.get_inputs()})

    def do_POST(self):
        size = int(self.headers.get("Content-Length", 0))
        if size > MAX_BYTES:
            self.close_connection = True
            self.answer(413, {"error": f"a request may have {MAX_BYTES} bytes"})
            return
        try:
            rows = json.loads(self.rfile.read(size))
            if not isinstance(rows, list):
                raise ValueError("a request must be a list of rows")
            columns = {each.name: column(rows, each) for each in self.session.get_inputs()}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            self.answer(400, {"error": f"{type(error).__name__}: {error}"})
            return
        names = [output.name for output in self.session.get_outputs()]
        found = zip(names, self.session.run(None, columns), strict=True)
        self.answer(200, {name: np.asarray(output).tolist() for name, output in found})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Print nothing for each request."""


def column(rows, of):
    """A column of the rows as onnxruntime takes it, (n_rows, 1)."""
    values = [row.get(of.name) for row in rows]
    values = [MISSING[of.type] if value is None else value for value in values]
    return np.array(values, DTYPES.get(of.type, object)).reshape(-1, 1)


def serve(file, port):
    Service.session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    with ThreadingHTTPServer(("127.0.0.1", port), Service) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument("--file", help="serve this file")
parser.add_argument("--port", type=int, default=0, help="a free one by default")
given = parser.parse_args()
if given.file:
    serve(given.file, given.port)
    sys.exit()

# %%
# The file
# --------
# Imputer, scaler and encoder are part of the pipeline, and so of the file. Types of the inputs
# are those of the columns of one row; onnxruntime's imputer takes single precision only.

import matplotlib.pyplot as plt
import pandas as pd
import skl2onnx
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import skmlp.onnx  # noqa: F401  (skl2onnx learns of skmlp)
from skmlp import MLPRegressor

rng = np.random.default_rng(0)
X = pd.DataFrame(
    {
        "area": rng.uniform(20, 150, 2000),
        "year": np.where(rng.random(2000) < 0.1, np.nan, rng.integers(1900, 2025, 2000)),
        "town": rng.choice(["Lima", "Oslo", "Rome"], 2000),
    }
).astype({"area": np.float32, "year": np.float32})
price = X["town"].map({"Lima": 8.0, "Oslo": 20.0, "Rome": 14.0})
y = 200 + price * X["area"] ** 0.9 + rng.normal(0, 30, 2000)

columns = make_column_transformer(
    (make_pipeline(SimpleImputer(), StandardScaler()), ["area", "year"]),
    (OneHotEncoder(handle_unknown="ignore"), ["town"]),
)
network = MLPRegressor((32, 32), normalize_y=True, epochs=30, random_state=0)
pipeline = make_pipeline(columns, network).fit(X, y)

folder = tempfile.TemporaryDirectory()
file = Path(folder.name, "rents.onnx")
file.write_bytes(skl2onnx.to_onnx(pipeline, X[:1]).SerializeToString())
print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")

# %%
# Questions
# ---------
# The service starts in a process of its own.

command = [sys.executable, sys.argv[0], "--file", str(file)]
process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
address = process.stdout.readline().strip()
connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)


def ask(rows):
    connection.request("POST", "/", json.dumps(rows))
    answer = connection.getresponse()
    content = json.loads(answer.read())
    if answer.status != 200:
        raise ValueError(content["error"])
    return np.array(content["variable"])[:, 0]


rows = X[:200].astype(object).where(X[:200].notna(), None).to_dict("records")
difference = np.abs(ask(rows) / pipeline.predict(X[:200]) - 1).max()
print(f"largest relative difference from pipeline.predict: {difference:.1e}")

seconds = []
for row in rows:
    start = time.perf_counter()
    ask([row])
    seconds.append(time.perf_counter() - start)
start = time.perf_counter()
for i in range(50):
    pipeline.predict(X[i : i + 1])
alone = (time.perf_counter() - start) / 50
print(f"one row: {1000 * np.median(seconds):.1f} ms from the service, over HTTP; ", end="")
print(f"{1000 * alone:.1f} ms by pipeline.predict")

# %%
# Rents by area, as the service predicts them; it has not seen the town of Bonn, and does not
# know the year.

areas = np.linspace(20, 150, 60)
_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for town in ["Oslo", "Rome", "Lima", "Bonn"]:
    ax.plot(areas, ask([{"area": area, "town": town} for area in areas]), label=town)
ax.set(xlabel="Area (square metres)", ylabel="Rent")
ax.legend()
plt.show()

connection.close()
process.terminate()
process.wait()
folder.cleanup()
