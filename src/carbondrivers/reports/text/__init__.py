"""Words of results, one file a family; each registers its builder."""
