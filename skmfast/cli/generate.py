"""``skmfast generate``: a labelled corpus of a source, on disk."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from skmfast.cli.app import FAILED, INTERRUPTED, app, fail, usage_errors

if TYPE_CHECKING:
    from skmfast.corpora.labelled import LabelledCorpus
    from skmfast.sources.frequencies import Frequencies
    from skmfast.sources.syntax_knowledge import SyntaxKnowledge

generate_app = typer.Typer(
    help="Write a corpus of known entropy, with a label for every token.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(generate_app, name="generate")


def parse_count(text: str) -> int:
    """A whole number: ``10_000_000``, ``10,000,000`` or ``1e7``.

    Examples
    --------
    >>> parse_count("10_000_000") == parse_count("1e7") == 10**7
    True
    """
    try:
        number = float(text.replace(",", "_")) if "e" in text.lower() else int(text.replace(",", "_"))
        if number != int(number):
            raise ValueError
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is not a whole number such as 10_000_000 or 1e7") from None
    return int(number)


@generate_app.command()
def biographies(
    sentences: Annotated[
        int, typer.Option(parser=parse_count, metavar="N", help="Sentences, as 10_000_000 or 1e7.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Folder to make; until it is whole, its files stand in OUT.partial.", metavar="OUT"
        ),
    ],
    frequencies: Annotated[
        str, typer.Option(help="How often people come: pitman-yor, zipf or uniform.", metavar="LAW")
    ] = "pitman-yor",
    discount: Annotated[
        float | None, typer.Option(help="Of Pitman-Yor frequencies, from 0 to below 1. Default: 0.5")
    ] = None,
    concentration: Annotated[
        float | None, typer.Option(help="Of Pitman-Yor frequencies, above -discount. Default: 1")
    ] = None,
    exponent: Annotated[float | None, typer.Option(help="Of Zipf frequencies. Default: 1")] = None,
    people: Annotated[
        int | None,
        typer.Option(parser=parse_count, metavar="N", help="How many there are, if zipf or uniform."),
    ] = None,
    statements: Annotated[int, typer.Option(help="Attributes told in a sentence, 1 to 6.")] = 1,
    order: Annotated[
        str, typer.Option(help="Of the statements: random, or fixed, which tells all six.", metavar="ORDER")
    ] = "random",
    kinds: Annotated[int, typer.Option(help="Kinds of people, each with templates that it prefers.")] = 1,
    seed: Annotated[int, typer.Option(help="Decides everything that is random.")] = 0,
    tokens: Annotated[
        str, typer.Option(help="words, or bytes: one token for each byte of text.", metavar="KIND")
    ] = "words",
    threads: Annotated[
        int | None,
        typer.Option(help="Threads; by default SKMFAST_THREADS, else every core. The corpus is the same."),
    ] = None,
) -> None:
    """Biographies of made-up people.

    They tell birth dates and cities, universities, majors and employers. The folder holds text.txt;
    tokens.bin, labels.bin and other flat arrays beside it; elements.parquet, what there is to know of
    everyone, with their true frequencies; and corpus.json, which describes it all. An interrupted run, even a
    killed one, goes on when the same command is given again.
    """
    from skmfast.settings import resolve_threads
    from skmfast.sources.biographies import Biographies

    with usage_errors():
        threads = resolve_threads(threads)
        law = _frequencies(frequencies, discount, concentration, exponent, people)
        source = Biographies(law, statements=statements, order=order, kinds=kinds)
    corpus = _generate(source, sentences, out, seed, tokens, threads)
    _summarise(source, corpus)


def _frequencies(
    law: str,
    discount: float | None,
    concentration: float | None,
    exponent: float | None,
    num_elements: int | None,
) -> Frequencies:
    """The frequencies asked for; options of the others are refused."""
    from skmfast.sources.frequencies import PitmanYor, Uniform, Zipf

    given = {
        "--discount": discount,
        "--concentration": concentration,
        "--exponent": exponent,
        "--people": num_elements,
    }
    taken = {
        "pitman-yor": ("--discount", "--concentration"),
        "zipf": ("--exponent", "--people"),
        "uniform": ("--people",),
    }
    if law not in taken:
        raise ValueError(f"--frequencies {law}: not one of {', '.join(taken)}")
    for option, value in given.items():
        if value is not None and option not in taken[law]:
            raise ValueError(f"{option} does not belong to --frequencies {law}")
    if law == "pitman-yor":
        return PitmanYor(
            0.5 if discount is None else discount, 1.0 if concentration is None else concentration
        )
    if num_elements is None:
        raise ValueError(f"--frequencies {law} needs --people")
    if num_elements < 1:
        raise ValueError(f"--people: {num_elements} is less than 1")
    return (
        Uniform(num_elements)
        if law == "uniform"
        else Zipf(1.0 if exponent is None else exponent, num_elements)
    )


def _generate(
    source: SyntaxKnowledge, num_sentences: int, out: Path, seed: int, tokens: str, threads: int
) -> LabelledCorpus:
    from skmfast.cli.progress import Progress
    from skmfast.errors import SkmfastError
    from skmfast.sources.generate import generate

    try:
        with usage_errors(), Progress("generating", unit="sentences") as bar:
            bar.subject(out.name)
            bar.total(num_sentences)
            return generate(
                source, num_sentences, out, seed, tokens=tokens, threads=threads, progress=bar.done
            )
    except KeyboardInterrupt:
        fail(f"interrupted; what is done is kept in {out}.partial: the same command goes on", INTERRUPTED)
    except FileExistsError as error:
        fail(f"{error.filename}: {error.strerror}")
    except OSError as error:
        _fail_of_disk(error, out)
    except SkmfastError as error:
        fail(str(error), FAILED)


def _fail_of_disk(error: OSError, out: Path) -> NoReturn:
    kept = Path(f"{out}.partial").exists()
    rest = f"; what is done is kept in {out}.partial: with room on the disk the same command goes on"
    fail(f"{error.filename or out}: {error.strerror or error}{rest if kept else ''}", FAILED)


def _summarise(source: SyntaxKnowledge, corpus: LabelledCorpus) -> None:
    contents = source.contents
    seen = int((corpus.counts > 0).sum())
    print(f"{corpus.num_sentences:,} sentences, {len(corpus.text):,} bytes, {len(corpus.tokens):,} tokens")
    print(f"{seen:,} people of {contents.num_names:,} possible ones")
    print(
        f"entropy: {source.frequencies.entropy_bits:.4f} bits a sentence for whom it is about,"
        f" {contents.total_bits:.4f} bits for all there is to know of a person"
    )
    print(corpus.path)
