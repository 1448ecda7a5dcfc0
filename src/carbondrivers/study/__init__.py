"""The study file: its schema, its checks, its steps and its run."""
