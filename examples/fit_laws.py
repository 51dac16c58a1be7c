"""Fit laws: what learning a Pitman-Yor source costs, exactly and on a sampled corpus."""

import numpy as np

from skmfast.laws import expected_redundancy, fit, sampled_redundancy

discount, concentration, content_bits = 0.5, 1.0, 60.0
sentences = np.unique(np.geomspace(1e3, 1e6, 16).astype(int))

expected = expected_redundancy(sentences, discount, concentration, content_bits)
sampled = sampled_redundancy(sentences, discount, concentration, content_bits, seed=1)

for name, redundancy in (("expected", expected), ("one corpus", sampled)):
    law = fit({"N": sentences}, redundancy.knowledge_bits / sentences, offset=False, resamples=200)
    low, high = law.intervals["a"]
    print(
        f"{name:11} knowledge falls as N to the power of {-law.parameters['a']:.3f} [{-high:.3f}, {-low:.3f}]"
    )
print(f"theory      {discount - 1:g} in the limit")
