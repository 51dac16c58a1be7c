"""Sources: distributions over corpora that can be sampled and whose entropy is known."""
