"""Audits of Parquet data that outgrows memory: read in passes, judged in batches."""
