"""The query copy of the decision log: Parquet tables made from its segments, for questions.

Never evidence: the log is. Whatever a table says can be looked up there and proved.
"""
