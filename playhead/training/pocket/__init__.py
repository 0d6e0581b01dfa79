"""A model from nothing, taught on rendered worlds: an experiment that does not answer yet."""
