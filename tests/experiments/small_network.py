"""A small recurrent network with the interface of a model, and a plain way to train it."""

import torch
from torch import nn
from torch.nn import functional as F

from skmfast.experiments.evaluation import sentence_batches


class Recurrent(nn.Module):
    """States of a gated recurrent unit; embeddings and head are one matrix."""

    def __init__(self, vocabulary, width=32, seed=0):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.head = nn.Parameter(torch.randn(vocabulary, width, generator=generator) * 0.1)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.unit = nn.GRU(width, width, batch_first=True)
            self.dropout = nn.Dropout(0.5)

    def forward(self, tokens):
        return self.dropout(self.unit(F.embedding(tokens, self.head))[0])


def train(model, corpus, epochs, rate=0.01, batch_sentences=100):
    """Adam on all sentences, in one order."""
    model.dropout.p = 0.0
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # products so small are slower on two
    optimiser = torch.optim.Adam(model.parameters(), rate)
    for _ in range(epochs):
        for inputs, places, real in sentence_batches(corpus.tokens, corpus.offsets, batch_sentences):
            states = model(torch.from_numpy(inputs))[torch.from_numpy(real)]
            targets = torch.from_numpy(corpus.tokens[places].astype("int64"))
            loss = F.cross_entropy(states @ model.head.T, targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    torch.set_num_threads(threads)
    return model
