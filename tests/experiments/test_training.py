"""Training: against plain torch, through kills and resumptions, and where it cannot go on."""

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="experiments need the extra skmfast[experiments]")

import torch.nn.functional as F  # noqa: E402

import skmfast.sources  # noqa: E402
from skmfast.experiments.batches import IGNORED, Batches  # noqa: E402
from skmfast.experiments.checkpoints import load_weights, save_weights  # noqa: E402
from skmfast.experiments.code_lengths import prequential_bits  # noqa: E402
from skmfast.experiments.errors import DivergedError, FolderError, Interrupted, OutOfMemoryError  # noqa: E402
from skmfast.experiments.training import CHECKPOINT, TrainingConfiguration, TrainingRun, train  # noqa: E402
from skmfast.experiments.transformer import ModelConfiguration, Transformer  # noqa: E402


@pytest.fixture(scope="module")
def corpus():
    return skmfast.sources.Biographies().sample(600, seed=1)


def fresh(corpus, **changes):
    sizes = {"width": 16, "layers": 1, "heads": 2, **changes}
    return Transformer(ModelConfiguration(len(corpus.pieces()), **sizes), seed=1)


def batches_of(corpus, size=16):
    return Batches([corpus], batch_sentences=size, seed=2)


def configuration(**changes):
    return TrainingConfiguration(
        **{"steps": 10, "batch_sentences": 16, "learning_rate": 1e-2, "warmup_steps": 3, **changes}
    )


def weights(model):
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def same(one, two):
    return all(torch.equal(one[name], two[name]) for name in {*one, *two})


def plainly_trained(model, batches, settings):
    """Losses in bits: logits in full, torch's losses, optimiser and clipping, in float64."""
    model = model.double()
    matrices = [w for w in model.parameters() if w.dim() > 1]
    vectors = [w for w in model.parameters() if w.dim() == 1]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0},
    ]
    optimiser = torch.optim.AdamW(groups, betas=settings.betas, foreach=False)
    found = []
    for step in range(settings.steps):
        batch = batches.batch(step)
        inputs, targets = torch.from_numpy(batch.inputs), torch.from_numpy(batch.targets)
        logits = model(inputs) @ model.head.T
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        optimiser.zero_grad()
        loss.backward()
        norm = math.sqrt(sum(float(w.grad.square().sum()) for w in model.parameters()))
        for weight in model.parameters():
            weight.grad *= min(1.0, settings.clip / norm)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate_at(step)
        optimiser.step()
        found.append((loss.item() / math.log(2), norm))
    return np.array(found)


@pytest.mark.parametrize("tied", [True, False])
def test_losses_and_weights_are_those_of_plain_torch(corpus, tied):
    settings = configuration(clip=0.5)
    first, model, plain = (fresh(corpus, tied=tied) for _ in range(3))
    result = train(model, batches_of(corpus), settings)
    expected = plainly_trained(plain, batches_of(corpus), settings)
    assert np.allclose(result.curve["loss_bits_per_token"], expected[:, 0], rtol=1e-5)
    assert np.allclose(result.curve["gradient_norm"], expected[:, 1], rtol=1e-4)
    assert expected[:, 1].max() > 0.5  # clipping was needed
    for name, weight in weights(plain).items():
        way, error = (weight - weights(each)[name].double() for each in (first, model))
        assert error.norm() < 1e-4 * way.norm(), name


def test_loss_falls_below_that_of_counting_tokens(corpus):
    settings = configuration(steps=150, learning_rate=1e-2)
    result = train(fresh(corpus, width=32), batches_of(corpus), settings)
    counts = np.unique(corpus.tokens, return_counts=True)[1] / len(corpus.tokens)
    entropy = -float(np.sum(counts * np.log2(counts)))
    losses = result.curve["loss_bits_per_token"].to_numpy()
    # Logits of variance 1 cost half a nat beyond a uniform guess.
    assert losses[0] == pytest.approx(math.log2(len(corpus.pieces())) + 0.5 / math.log(2), abs=0.2)
    assert losses[-10:].mean() < 0.6 * entropy
    assert result.sentences == sum(len(batches_of(corpus).batch(step)) for step in range(150))


def test_first_epoch_is_a_code_of_the_corpus(corpus):
    batches = batches_of(corpus)
    result = train(fresh(corpus), batches, configuration(steps=batches.steps_per_epoch))
    assert result.tokens == len(corpus.tokens)
    assert result.sentences == 600
    by_hand = sum(
        float(bits) * batches.batch(step).num_tokens
        for step, bits in enumerate(result.curve["loss_bits_per_token"].to_pylist())
    )
    assert prequential_bits(result.curve, 600) == pytest.approx(by_hand)


@pytest.mark.parametrize("changes", [{}, {"precision": "bfloat16"}, {"dropout": 0.2}])
def test_a_resumed_run_is_the_same_bit_by_bit(corpus, tmp_path, changes):
    dropout = {"dropout": changes["dropout"]} if "dropout" in changes else {}
    settings = configuration(
        checkpoint_every=4, **{name: value for name, value in changes.items() if name != "dropout"}
    )
    whole = fresh(corpus, **dropout)
    expected = train(whole, batches_of(corpus), settings)

    class Killed(Exception):
        pass

    def kill(step, loss, sentences):
        if step == 7:
            raise Killed

    with pytest.raises(Killed):
        train(fresh(corpus, **dropout), batches_of(corpus), settings, folder=tmp_path, progress=kill)
    torch.manual_seed(99)
    steps = []
    model = fresh(corpus, **dropout)
    result = train(
        model, batches_of(corpus), settings, folder=tmp_path, progress=lambda step, *_: steps.append(step)
    )
    assert steps == list(range(5, 11))
    assert same(weights(model), weights(whole))
    for column in ("step", "tokens", "sentences", "loss_bits_per_token", "gradient_norm", "learning_rate"):
        assert result.curve[column] == expected.curve[column]


def test_a_run_stops_when_asked_and_goes_on(corpus, tmp_path):
    whole = fresh(corpus)
    train(whole, batches_of(corpus), configuration())
    answers = iter([False, False, True])
    with pytest.raises(Interrupted, match="step 3 of 10"):
        train(fresh(corpus), batches_of(corpus), configuration(), folder=tmp_path, stop=lambda: next(answers))
    model = fresh(corpus)
    train(model, batches_of(corpus), configuration(), folder=tmp_path)
    assert same(weights(model), weights(whole))
    idle = fresh(corpus)  # a finished run has nothing left to do
    again = train(idle, batches_of(corpus), configuration(), folder=tmp_path, progress=pytest.fail)
    assert same(weights(idle), weights(whole))
    assert again.curve.num_rows == 10


def test_accumulation_changes_nothing_but_rounding(corpus):
    curves = [
        train(fresh(corpus), batches_of(corpus), configuration(accumulation=parts)).curve
        for parts in (1, 3, 16)
    ]
    for curve in curves[1:]:
        assert np.allclose(curve["loss_bits_per_token"], curves[0]["loss_bits_per_token"], rtol=1e-4)
        assert np.allclose(curve["gradient_norm"], curves[0]["gradient_norm"], rtol=1e-3)


def test_bfloat16_is_near_float32(corpus):
    one, two = (
        train(fresh(corpus), batches_of(corpus), configuration(precision=precision)).curve
        for precision in ("float32", "bfloat16")
    )
    assert not np.array_equal(one["loss_bits_per_token"], two["loss_bits_per_token"])
    assert np.allclose(one["loss_bits_per_token"], two["loss_bits_per_token"], rtol=5e-3)


def test_evaluations_come_at_their_steps(corpus):
    found = []

    def evaluate(step, model):
        assert not model.training
        assert not torch.is_grad_enabled()
        found.append((step, weights(model)))

    train(fresh(corpus), batches_of(corpus), configuration(evaluate_steps=(0, 4, 10)), evaluate=evaluate)
    assert [step for step, _ in found] == [0, 4, 10]
    assert same(found[0][1], weights(fresh(corpus)))
    assert not same(found[0][1], found[1][1])


def test_several_corpora(corpus):
    other = skmfast.sources.Biographies().sample(50, seed=2)
    batches = Batches([corpus, other], (0.5, 0.5), batch_sentences=16, seed=1)
    losses = train(fresh(corpus), batches, configuration(steps=40)).curve["loss_bits_per_token"]
    assert losses[-1].as_py() < losses[0].as_py() - 2


def test_a_run_that_diverges(corpus, tmp_path):
    settings = configuration(steps=60, learning_rate=1e4, warmup_steps=0, clip=0, checkpoint_every=1)
    with pytest.raises(DivergedError, match="learning_rate"):
        train(fresh(corpus), batches_of(corpus), settings, folder=tmp_path)
    assert (tmp_path / CHECKPOINT).exists()


def test_losses_that_are_read_late_are_the_same(corpus, monkeypatch):
    """As on a GPU, where to read a loss is to wait for it."""
    told = []
    at_once = train(fresh(corpus), batches_of(corpus), configuration(), progress=lambda *a: told.append(a))
    init = TrainingRun.__init__

    def late(self, *arguments):
        init(self, *arguments)
        self._every = 4

    monkeypatch.setattr(TrainingRun, "__init__", late)
    again, stops = [], []
    settings = configuration(evaluate_steps=(6,))
    result = train(
        fresh(corpus),
        batches_of(corpus),
        settings,
        progress=lambda *a: again.append(a),
        evaluate=lambda step, _: stops.append((step, len(again))),
        stop=lambda: stops.append(len(again)),
    )
    assert again == told
    assert stops == [0, 0, 0, 4, 4, (6, 6), 6, 6, 6, 6]
    assert result.sentences == at_once.sentences
    for column in ("loss_bits_per_token", "gradient_norm", "tokens"):
        assert result.curve[column] == at_once.curve[column]
    assert np.all(np.diff(result.curve["seconds"]) > 0)
    settings = configuration(steps=60, learning_rate=1e4, warmup_steps=0, clip=0)
    with pytest.raises(DivergedError, match="learning_rate"):
        train(fresh(corpus), batches_of(corpus), settings)


def test_a_loss_that_is_no_number(corpus):
    model = fresh(corpus)
    with torch.no_grad():
        model.embedding[0, 0] = math.nan
    with pytest.raises(DivergedError, match="step 1: a loss of nan"):
        train(model, batches_of(corpus), configuration())


def test_lack_of_memory_says_what_to_lower(corpus):
    batches = batches_of(corpus)
    batches.batch = lambda step: torch.empty(1 << 55)
    with pytest.raises(
        OutOfMemoryError, match=r"training\.accumulation.*training\.batch_sentences.*model\.width"
    ):
        train(fresh(corpus), batches, configuration())
    batches.batch = lambda step: np.empty(1 << 55)
    with pytest.raises(OutOfMemoryError, match="batches of 16 sentences"):
        train(fresh(corpus), batches, configuration())


def test_other_errors_are_not_taken_for_lack_of_memory(corpus):
    batches = batches_of(corpus)
    batches.batch = lambda step: torch.zeros(2) @ torch.zeros(3)
    with pytest.raises(RuntimeError, match="inconsistent") as caught:
        train(fresh(corpus), batches, configuration())
    assert not isinstance(caught.value, MemoryError)


def test_a_checkpoint_of_another_run(corpus, tmp_path):
    train(fresh(corpus), batches_of(corpus), configuration(), folder=tmp_path)
    with pytest.raises(FolderError, match=r"learning_rate=0\.01 there, 0\.02 here"):
        train(fresh(corpus), batches_of(corpus), configuration(learning_rate=0.02), folder=tmp_path)
    with pytest.raises(FolderError, match="model="):
        train(fresh(corpus, width=8), batches_of(corpus), configuration(), folder=tmp_path)
    other = Batches([corpus], batch_sentences=16, seed=3)
    with pytest.raises(FolderError, match="order="):
        train(fresh(corpus), other, configuration(), folder=tmp_path)


def test_a_damaged_checkpoint(corpus, tmp_path):
    train(fresh(corpus), batches_of(corpus), configuration(), folder=tmp_path)
    data = (tmp_path / CHECKPOINT).read_bytes()
    for damaged in (data[:-9], b"", b"\xff" * 100):
        (tmp_path / CHECKPOINT).write_bytes(damaged)
        with pytest.raises(FolderError, match="damaged"):
            train(fresh(corpus), batches_of(corpus), configuration(), folder=tmp_path)
    save_weights(fresh(corpus), tmp_path / CHECKPOINT)
    with pytest.raises(FolderError, match="no checkpoint"):
        train(fresh(corpus), batches_of(corpus), configuration(), folder=tmp_path)


def test_weights_in_a_file(corpus, tmp_path):
    model, other = fresh(corpus), fresh(corpus)
    train(model, batches_of(corpus), configuration())
    save_weights(model, tmp_path / "model.safetensors")
    load_weights(other, tmp_path / "model.safetensors")
    assert same(weights(model), weights(other))
    with pytest.raises(FolderError, match="embedding"):
        load_weights(fresh(corpus, width=8), tmp_path / "model.safetensors")
    with pytest.raises(FolderError, match="output"):
        load_weights(fresh(corpus, tied=False), tmp_path / "model.safetensors")


def test_learning_rates():
    settings = configuration(steps=23, warmup_steps=3, learning_rate=1.0, final_share=0.1)
    rates = [settings.learning_rate_at(step) for step in range(23)]
    assert rates[:4] == pytest.approx([1 / 3, 2 / 3, 1, 1])
    assert rates[-1] == pytest.approx(0.1)
    assert all(one > two for one, two in itertools.pairwise(rates[3:]))
    straight = configuration(steps=23, warmup_steps=3, learning_rate=1.0, schedule="linear", final_share=0)
    assert np.diff([straight.learning_rate_at(step) for step in range(3, 23)]) == pytest.approx(
        [-1 / 19] * 19
    )
    level = configuration(steps=23, warmup_steps=3, learning_rate=1.0, schedule="constant")
    assert {level.learning_rate_at(step) for step in range(3, 23)} == {1.0}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": -1}, "steps=-1"),
        ({"batch_sentences": 0}, "batch_sentences=0"),
        ({"learning_rate": 0.0}, "learning_rate=0.0"),
        ({"learning_rate": math.nan}, "learning_rate=nan"),
        ({"accumulation": 0}, "accumulation=0"),
        ({"threads": 0}, "threads=0"),
        ({"betas": (0.9, 1.0)}, "betas"),
        ({"final_share": 2.0}, "final_share=2.0"),
        ({"schedule": "stairs"}, "stairs"),
        ({"precision": "float8"}, "float8"),
        ({"evaluate_steps": (11,)}, "evaluate_steps"),
    ],
)
def test_settings_that_train_nothing(wrong, message):
    with pytest.raises(ValueError, match=message):
        configuration(**wrong)


def test_batches_of_another_size(corpus):
    with pytest.raises(ValueError, match="batches of 8 sentences"):
        train(fresh(corpus), batches_of(corpus, 8), configuration())
