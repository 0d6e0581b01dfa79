"""Minds (policies) and eyes (embedders, captioners, OCR, speech): one file per backend."""
