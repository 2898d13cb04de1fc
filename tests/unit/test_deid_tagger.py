"""The learned layer: pieces keep their places, long texts are tagged like short ones, nothing goes out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from bot.deid.model import Kind
from bot.deid.pieces import FEATURES, Vocabulary
from bot.deid.tagger import LONG, OVERLAP, SMALL, SMALL_OVERLAP, WINDOW, Tagger
from bot.deid.versions import MODEL

POST = "pt Anna Keller from Stanley General, mrn 00718823, bed 12, call 651-555-0187. Now lamotrigine 25 mg."


@pytest.fixture(scope="module")
def tagger() -> Tagger:
    return Tagger.load()


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.load(MODEL / "vocabulary.txt")


def _found(tagger: Tagger, text: str, least: float = 0.2) -> list[str]:
    return [text[one.start : one.end] for one in tagger.read(text).spans(least)]


def test_files_are_small_enough() -> None:
    assert sum(file.stat().st_size for file in MODEL.iterdir()) <= 30 * 2**20
    assert "Licence" in (MODEL / "card.md").read_text("utf-8")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a",
        "ﬁne Größe İstanbul naïve ß",
        "x" * 5000,
        "\u200b\ufeff東京 12\u00a0mg",
        "💉🙃 ok\n\n-",
        "а́б 1́2",
    ],
)
def test_pieces_cover_every_word(vocabulary: Vocabulary, text: str) -> None:
    cut = vocabulary.cut(text)
    assert cut.first[-1] == len(cut.ids) == len(cut.features)
    assert len(cut.first) == len(cut.words) + 1
    assert cut.first == sorted(set(cut.first))
    covered = {at for start, end in cut.words for at in range(start, end)}
    assert all(at in covered for at, character in enumerate(text) if character.isalnum())
    for features in cut.features:
        assert all(0 <= value < size for value, size in zip(features, FEATURES, strict=True))


def test_pieces_are_those_of_wordpiece(vocabulary: Vocabulary) -> None:
    entries = (MODEL / "vocabulary.txt").read_text("utf-8").split("\n")
    assert [entries[one] for one in vocabulary.cut("Ibuprofén 400mg").ids] == [
        "ib",
        "##up",
        "##ro",
        "##fen",
        "400",
        "##mg",
    ]


def test_sentences_and_lines_end_and_titles_do_not(vocabulary: Vocabulary) -> None:
    text = "Seen yesterday. Dr. Keller came on 12. March? Yes!\nBP 1.5 kept; home"
    cut = vocabulary.cut(text)
    begun = [text[cut.words[cut.first.index(at)][0] :].split()[0] for at in cut.breaks]
    assert begun == ["Dr.", "Yes!", "BP", "home"]


def test_identifiers_are_found_and_drugs_are_not(tagger: Tagger) -> None:
    found = " | ".join(_found(tagger, POST))
    for identifier in ("Anna Keller", "Stanley General", "00718823", "12", "651-555-0187"):
        assert identifier in found
    for other in ("lamotrigine", "25", "pt", "mrn"):
        assert other not in found.split(" | ")


def test_kinds_and_beliefs(tagger: Tagger) -> None:
    reading = tagger.read(POST)
    first = reading.spans(0.2)[0]
    assert first.kind is Kind.NAME
    assert 0.2 <= first.score <= 1
    assert reading.strongest(3, 14) >= first.score - 1e-6
    at = POST.index("lamotrigine")
    assert reading.strongest(at, at + 11) < 0.2
    assert reading.strongest(2, 3) == 0  # no word in it
    assert reading.strongest(0, len(POST)) >= reading.strongest(3, 14)


def test_no_words(tagger: Tagger) -> None:
    for text in ("", "\n \t", "   "):
        assert tagger.read(text).spans(0.0) == []
        assert tagger.read(text).strongest(0, 10) == 0


def test_a_long_text_is_tagged_to_its_end(tagger: Tagger) -> None:
    filler = "Vitals stable overnight, diuresis continues, potassium replaced, lungs clear. "
    name = "Her daughter Renate Kowalczyk asked about it. "
    text = (filler * 27 + name) * 4
    assert len(text.split()) > LONG  # so that it is read in small windows
    reading = tagger.read(text)
    at = -1
    for _ in range(4):
        at = text.index("Kowalczyk", at + 1)
        assert reading.strongest(at, at + 9) > 0.2


def test_a_name_at_the_border_of_windows_is_found(tagger: Tagger) -> None:
    for before in range(WINDOW - OVERLAP - 4, WINDOW + 4, 3):
        text = "ok " * before + "mrs Kowalczyk was seen by dr Okonkwo today"
        at = text.index("Kowalczyk")
        assert tagger.read(text).strongest(at, at + 9) > 0.2, before


@pytest.mark.parametrize("unit", ["ok ", "ok. fine. ", "it was so; we saw, again and again and then left. "])
def test_a_name_at_the_border_of_small_windows_is_found(tagger: Tagger, unit: str) -> None:
    # Over one whole step of the windows, behind so much that they are small.
    for before in range(LONG, LONG + SMALL - SMALL_OVERLAP, 7):
        text = (unit * before)[: 5 * before] + ". mrs Kowalczyk was seen by dr Okonkwo today"
        at = text.index("Kowalczyk")
        assert tagger.read(text).strongest(at, at + 9) > 0.2, before


def test_every_part_of_a_long_text_is_read(tagger: Tagger) -> None:
    long = tagger.read(f"{POST}\n" * 40)
    assert len(long.words()) == 40 * len(tagger.read(POST).words())
    for number in range(40):
        at = number * (len(POST) + 1) + POST.index("Anna")
        assert long.strongest(at, at + len("Anna Keller")) > 0.2, number


def test_many_threads_agree(tagger: Tagger) -> None:
    texts = [POST, POST.upper(), "Zi. 12 Herr Sommer, Fieber", POST * 6]
    alone = [tagger.read(text).spans(0.2) for text in texts]
    together: dict[int, list[object]] = {}

    def work(number: int) -> None:
        together[number] = [tagger.read(text).spans(0.2) for text in texts]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [together[number] for number in range(4)] == [alone] * 4


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the tagger opened a socket")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    yield


@pytest.mark.usefixtures("no_sockets")
def test_nothing_goes_out() -> None:
    assert Tagger.load().read(POST).spans(0.2)
