"""Sources: distributions over corpora that can be sampled, with known entropy."""
