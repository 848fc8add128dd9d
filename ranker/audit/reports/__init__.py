"""Reports that a compliance office owes: figures, the rows behind each, charts, and the checkpoint.

They are computed from the decision log, never from the live catalogue.
"""
