"""Numbered forward migrations (`NNNN_name.py` with `up(db)`), and the demo data."""
