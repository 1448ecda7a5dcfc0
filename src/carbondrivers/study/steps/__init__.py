"""One file a family of analyses; each registers its step."""
