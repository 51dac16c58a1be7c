"""Generate biographies whose entropy is known, and score them: oracle, Bayes mixture, compressors."""

import skmfast as skm
from skmfast.sources import Biographies, PitmanYor

source = Biographies(PitmanYor(discount=0.5, concentration=1.0))
corpus = source.sample(5_000, seed=1)
print(corpus.sentence(0))

oracle = skm.codes.Oracle(source).of_corpus(corpus)
bayes = skm.codes.BayesMixture(source).of_corpus(corpus)
print(f"oracle         {oracle.bits_per_sentence:8.2f} bits a sentence")
print(f"Bayes mixture  {bayes.bits_per_sentence:8.2f}, {bayes.content_bits:,.0f} bits of contents learnt")

# Codes that know nothing of the source read the text alone.
for code in ("context-tree", "zstd:19"):
    bits = skm.code_length(bytes(corpus.text), code=code).bits
    print(f"{code:15}{bits / corpus.num_sentences:8.2f}")
