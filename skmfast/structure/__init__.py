"""Structure functions: how many bits of data each bit of model saves, over classes of models."""
