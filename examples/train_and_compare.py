"""Train a small transformer on sentences about people, and hold it against the exact Bayes code."""

from skmfast.experiments.batches import Batches
from skmfast.experiments.bayes import gap, predictive_bits
from skmfast.experiments.corpora import CorpusConfiguration, training_and_test
from skmfast.experiments.evaluation import evaluate, losses_by_class
from skmfast.experiments.frequency_classes import classes_by_count
from skmfast.experiments.training import TrainingConfiguration, train
from skmfast.experiments.transformer import ModelConfiguration, Transformer

configuration = CorpusConfiguration(discount=0.5, sentences=2_000, first=32, last=32, values=16, seed=1)
training, test = training_and_test(configuration, 1_000)

model = Transformer(ModelConfiguration(vocabulary=len(configuration.vocabulary()), width=32, layers=2))
steps = TrainingConfiguration(steps=100, learning_rate=4e-3, warmup_steps=10)
train(model, Batches([training], batch_sentences=steps.batch_sentences), steps)

evaluation, bayes = evaluate(model, test), predictive_bits(training, test)
for part in ("syntax", "knowledge"):
    print(f"above the Bayes code, {gap(evaluation, bayes, part)}")

for row in losses_by_class(evaluation, classes_by_count(training.counts)).to_pylist():
    if row["sentences"]:
        print(f"{row['low']:5} training sentences or more: {row['accuracy']:.2f} of values known")
