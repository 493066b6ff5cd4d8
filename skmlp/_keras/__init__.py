"""TensorFlow and Keras, imported quietly, and the user's names and objects for them."""
