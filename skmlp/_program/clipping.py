"""Ways of clipping gradients: by value, by the norm of each array, by the global norm."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skmlp._keras.tensorflow import tf
from skmlp._program.recipe import beside, sums

Gradients = list[tf.Tensor]
# (gradients of arrays, (..., *shape); limits, (...)) -> clipped gradients
Clip = Callable[[Sequence[tf.Tensor], tf.Tensor], Gradients]


def by_value(gradients: Sequence[tf.Tensor], limit: tf.Tensor) -> Gradients:
    limits = [beside(limit, gradient) for gradient in gradients]
    pairs = zip(gradients, limits, strict=True)
    return [tf.clip_by_value(gradient, -most, most) for gradient, most in pairs]


def by_norm(gradients: Sequence[tf.Tensor], limit: tf.Tensor) -> Gradients:
    return [by_global_norm([gradient], limit)[0] for gradient in gradients]


def by_global_norm(gradients: Sequence[tf.Tensor], limit: tf.Tensor) -> Gradients:
    lead = len(limit.shape)
    norm = tf.sqrt(sums([tf.square(gradient) for gradient in gradients], lead))
    factor = limit / tf.maximum(norm, limit)
    return [gradient * beside(factor, gradient) for gradient in gradients]


CLIPPINGS: dict[str, Clip] = {
    "clipvalue": by_value,
    "clipnorm": by_norm,
    "global_clipnorm": by_global_norm,
}
# Ways that see no borders between arrays, so that packed gradients need not be taken apart.
WITHOUT_BORDERS = ("clipvalue", "global_clipnorm")
