"""Figures, one file a family: each draws what a result's tables hold, and computes nothing."""
