"""Labels that are a tag for each token: planted errors come back with their place, a decision reaches the tag."""

import numpy as np
import pandas as pd
import pytest
from cleanlab.token_classification.filter import find_label_issues
from sklearn.naive_bayes import BernoulliNB

from dcai.base.errors import AlignmentError, InputError
from dcai.base.fingerprints import canonical
from dcai.corrections.files import apply_to_file
from dcai.corrections.log import CorrectionLog
from dcai.corrections.session import Review
from dcai.findings.report import audit

SYLLABLES = ["ka", "lo", "mi", "ra", "tu", "be", "no", "shi", "van", "pa"]
VERBS = ["met", "visited", "praised", "sued"]
NOUNS = ["meeting", "game", "report", "deal", "market", "train"]


def make_sentences(rows=220, seed=0):
    """Sentences of invented names: words, and the true tags."""
    draw = np.random.default_rng(seed)

    def name(end=""):
        return ("".join(draw.choice(SYLLABLES, 2)) + end).capitalize()

    def person():
        return [(name(), "B-PER"), (name("son"), "I-PER")] if draw.random() < 0.6 else [(name("son"), "B-PER")]

    def place():
        return [(name("ville"), "B-LOC")]

    def firm():
        return [(name(), "B-ORG"), (str(draw.choice(["Corp", "Inc"])), "I-ORG")]

    def plain(*words):
        return [(str(w), "O") for w in words]

    kinds = [
        lambda: [*person(), *plain(draw.choice(VERBS)), *person(), *plain("in"), *place(), *plain(".")],
        lambda: [*plain("The", draw.choice(NOUNS), "of"), *firm(), *plain("in"), *place(), *plain("was", "long", ".")],
        lambda: [*firm(), *plain(draw.choice(VERBS)), *firm(), *plain("last", "week", ".")],
    ]
    made = [kinds[i]() for i in draw.integers(0, 3, rows)]
    return [[w for w, _ in s] for s in made], [[t for _, t in s] for s in made]


def spoil(truth, number=40, seed=1):
    """Change tags in some places; return the tags and the places."""
    draw = np.random.default_rng(seed)
    given = [list(tags) for tags in truth]
    tags = sorted({t for its in truth for t in its})
    places = set()
    while len(places) < number:
        row = int(draw.integers(len(given)))
        part = int(draw.integers(len(given[row])))
        if any(r == row for r, _ in places):
            continue
        given[row][part] = str(draw.choice([t for t in tags if t != truth[row][part]]))
        places.add((row, part))
    return given, places


def to_frame(words, tags, form="list"):
    if form == "list":
        return pd.DataFrame({"words": words, "tags": tags})
    if form == "text":
        return pd.DataFrame({"words": [" ".join(w) for w in words], "tags": [" ".join(t) for t in tags]})
    names = sorted({t for its in tags for t in its})
    return pd.DataFrame({"words": words, "tags": [[names.index(t) for t in its] for its in tags]})


def audit_tags(frame, **options):
    return audit(frame, "tags", detectors=["labels", "duplicates"], progress=False, **options)


def line(found, name="labels"):
    return found.checks.set_index("detector").loc[name]


def places_of(found):
    own = found.findings[found.findings["detector"] == "labels"]
    return set(zip(own["row"].astype(int), own["part"].astype(int), strict=True))


@pytest.fixture(scope="module")
def planted():
    words, truth = make_sentences()
    given, places = spoil(truth)
    frame = to_frame(words, given)
    return frame, truth, places, audit_tags(frame)


def test_planted_errors_come_back_at_their_place_with_the_true_tag(planted):
    _, truth, places, found = planted
    flagged = places_of(found)
    assert len(flagged & places) >= 0.9 * len(places)
    assert len(flagged - places) <= 0.15 * len(flagged)
    own = found.findings[found.findings["detector"] == "labels"]
    right = [
        s == truth[r][p] for r, p, s in zip(own["row"], own["part"], own["suggested"], strict=True) if (r, p) in places
    ]
    assert np.mean(right) > 0.85
    assert (own["column"] == "tags").all()
    assert found.expected_errors.low <= len(places) <= found.expected_errors.high


def test_no_worse_than_the_peer_on_the_same_probabilities(planted):
    frame, _, places, found = planted
    names = list(found.classes)
    arrays = [its.drop(columns=["row", "part"]).to_numpy() for _, its in found.probabilities.groupby("row")]
    labels = [[names.index(t) for t in tags] for tags in frame["tags"]]
    peer = {(int(r), int(p)) for r, p in find_label_issues(labels, arrays)}

    def f1(flagged):
        return 2 * len(flagged & places) / (len(flagged) + len(places))

    assert f1(places_of(found)) >= f1(peer)


def test_probabilities_are_long_with_row_and_part(planted):
    frame, _, _, found = planted
    long = found.probabilities
    assert list(long.columns) == ["row", "part", *found.classes]
    assert len(long) == frame["words"].map(len).sum()
    assert long[["row", "part"]].to_numpy().tolist() == [
        [r, p] for r, w in enumerate(frame["words"]) for p in range(len(w))
    ]
    np.testing.assert_allclose(long[list(found.classes)].sum(axis=1), 1, atol=1e-6)
    assert found.task == "token"


def test_the_score_of_a_row_is_its_worst_tag(planted):
    _, _, _, found = planted
    own = found.findings[found.findings["detector"] == "labels"]
    worst = own.groupby("row")["doubt"].max()
    np.testing.assert_allclose(found.scores["labels"][worst.index], worst, atol=1e-6)
    quiet = found.scores["labels"].drop(index=worst.index)
    assert quiet.max() <= 0.5


def test_the_reason_shows_the_token_in_its_sentence(planted):
    frame, _, _, found = planted
    for _, own in found.findings[found.findings["detector"] == "labels"].head(5).iterrows():
        words = frame["words"][own["row"]]
        assert f"[{words[own['part']]}]" in own["reason"]
        assert repr(own["given"]) in own["reason"]
    assert line(found)["reason"].startswith("token (inferred: as many tags as tokens in 'words')")


def test_clean_tags_stay_quiet():
    words, truth = make_sentences()
    found = audit_tags(to_frame(words, truth))
    assert len(places_of(found)) <= 5


@pytest.mark.parametrize("form", ["text", "numbers"])
def test_text_and_numbered_tags_are_read_alike(planted, form):
    frame, _, _, found = planted
    other = audit_tags(to_frame(frame["words"], frame["tags"], form))
    assert other.task == "token"
    assert len(places_of(other) ^ places_of(found)) <= 2
    if form == "numbers":
        assert list(other.classes) == list(range(6))
        assert all(isinstance(v, int) for v in other.findings["suggested"].dropna())


def test_permuting_rows_and_renaming_tags_change_nothing(planted):
    frame, _, _, found = planted
    order = np.random.default_rng(3).permutation(len(frame))
    moved = audit_tags(frame.iloc[order].reset_index(drop=True))
    assert {(int(order[r]), p) for r, p in places_of(moved)} == places_of(found)
    np.testing.assert_allclose(moved.scores["labels"], found.scores["labels"].to_numpy()[order], atol=1e-6)
    new = {"PER": "person", "LOC": "place", "ORG": "firm"}
    tags = [[t if t == "O" else f"{t[:2]}{new[t[2:]]}" for t in its] for its in frame["tags"]]
    renamed = audit_tags(frame.assign(tags=tags))
    assert len(places_of(renamed) ^ places_of(found)) <= 2


@pytest.mark.parametrize("form", ["list", "text", "numbers"])
@pytest.mark.parametrize("ending", ["parquet", "csv"])
def test_the_whole_way_to_the_tag(planted, form, ending, tmp_path):
    frame, _, _, _ = planted
    frame = to_frame(frame["words"], frame["tags"], form)
    review = Review(audit_tags(frame), tmp_path / "tags.jsonl", by="ada")
    queue = review.queue()
    queue = queue[queue["detector"] == "labels"].reset_index(drop=True)
    for name in queue["finding"][:6]:
        line = review.decide(name, "relabel")
        assert line.part is not None
    assert [review.decided(name) for name in queue["finding"][:7]] == ["relabel"] * 6 + [None]
    once = review.log.apply(frame)
    pd.testing.assert_frame_equal(review.log.apply(once), once)
    assert set(review.log.check(once)["status"]) == {"applied"}
    for row, part, wanted in zip(queue["row"][:6], queue["part"][:6], queue["suggested"][:6], strict=True):
        before, after = (its["tags"].iloc[row] for its in (frame, once))
        before, after = (its.split() if form == "text" else its for its in (before, after))
        assert after[part] == wanted
        assert [t for i, t in enumerate(after) if i != part] == [t for i, t in enumerate(before) if i != part]
    source, out = tmp_path / f"source.{ending}", tmp_path / f"mended.{ending}"
    frame.to_parquet(source) if ending == "parquet" else frame.to_csv(source, index=False)
    apply_to_file(source, CorrectionLog.read(tmp_path / "tags.jsonl"), out)
    mended = pd.read_parquet(out) if ending == "parquet" else pd.read_csv(out)
    assert [canonical(v) for v in mended["tags"]] == [canonical(v) for v in once["tags"]]
    again = Review(audit_tags(once), tmp_path / "tags.jsonl", by="ada")
    assert again.progress.corrections == 6
    assert not set(zip(queue["row"][:6], queue["part"][:6], strict=True)) & places_of(again.audit)


def test_two_tags_of_a_row_are_decided_apart_and_taken_back_apart(planted, tmp_path):
    frame, _, _, found = planted
    review = Review(found, tmp_path / "tags.jsonl", by="ada")
    review.decide(0, "relabel", "B-LOC", part=0)
    mine, theirs = [t for t in ("I-PER", "I-ORG", "B-ORG") if t != frame["tags"][0][1]][:2]
    second = review.decide(0, "relabel", mine, part=1)
    assert review.log.apply(frame)["tags"][0][:2] == ["B-LOC", mine]
    other = Review(found, tmp_path / "tags.jsonl", by="bob")
    other.decide(0, "relabel", theirs, part=1)
    assert review.log.read(tmp_path / "tags.jsonl").check(frame)["status"].tolist() == ["fits", "disputed", "disputed"]
    other.undo()
    review.undo(second.id)
    log = CorrectionLog.read(tmp_path / "tags.jsonl")
    assert log.apply(frame)["tags"][0] == ["B-LOC", *frame["tags"][0][1:]]
    assert found.table.frame["tags"][0] == frame["tags"][0]


def test_keeping_a_corrected_tag_again_takes_it_back(planted, tmp_path):
    frame, _, _, found = planted
    review = Review(found, tmp_path / "tags.jsonl", by="ada")
    own = review.queue().iloc[0]
    review.decide(own["finding"], "relabel")
    applied = review.log.apply(frame)
    review.decide(own["finding"], "keep")
    pd.testing.assert_frame_equal(review.log.apply(applied), frame)


def test_equal_sentences_keep_their_own_corrections(tmp_path):
    words, truth = make_sentences()
    frame = to_frame([*words, words[0], words[0]], [*truth, truth[0], truth[0]])
    review = Review(audit_tags(frame), tmp_path / "tags.jsonl", by="ada")
    last = len(frame) - 1
    review.decide(0, "relabel", "B-LOC", part=0)
    new = next(t for t in ("I-PER", "I-ORG") if t != truth[0][1])
    review.decide(last, "relabel", new, part=1)
    once = review.log.apply(frame)
    assert once["tags"][0] == ["B-LOC", *truth[0][1:]]
    assert once["tags"][last] == [truth[0][0], new, *truth[0][2:]]
    assert once["tags"][last - 1] == truth[0]
    pd.testing.assert_frame_equal(review.log.apply(once), once)


def test_a_card_shows_the_sentence_with_its_tags(planted, tmp_path):
    frame, _, _, found = planted
    review = Review(found, tmp_path / "tags.jsonl", by="ada")
    own = review.queue().iloc[0]
    card = review.card(own["finding"])
    assert card.sentence.tokens == frame["words"][own["row"]]
    assert card.sentence.tags == frame["tags"][own["row"]]
    assert card.sentence.tokens[card.sentence.at] == frame["words"][own["row"]][own["part"]]
    chances = [c.probability for c in card.classes]
    assert chances == sorted(chances, reverse=True)
    assert {c.name for c in card.classes} == set(found.classes)
    assert card.finding.part == own["part"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"verdict": "relabel", "value": "B-PER"}, "holds a tag for each token. Say which is decided"),
        ({"verdict": "keep", "column": "tags"}, "holds a tag for each token. Say which is decided"),
        ({"verdict": "relabel", "value": "B-PER", "part": 99}, "The parts of this cell are 0 to"),
        ({"verdict": "relabel", "value": "B-PRE", "part": 0}, "There is no class 'B-PRE'. Did you mean 'B-PER'"),
        (
            {"verdict": "edit", "value": "x", "column": "words", "part": 0},
            "Only a label with a tag for each token has parts",
        ),
    ],
)
def test_a_decision_must_say_which_tag(planted, tmp_path, asked, told):
    review = Review(planted[3], tmp_path / "tags.jsonl", by="ada")
    with pytest.raises(InputError, match=told):
        review.decide(0, **asked)
    assert not (tmp_path / "tags.jsonl").exists()


def test_refining_learns_from_reviewed_tags(planted, tmp_path):
    _, _, _, found = planted
    review = Review(found, tmp_path / "tags.jsonl", by="ada")
    queue = review.queue()
    review.decide(queue["finding"][0], "relabel")
    review.decide(queue["finding"][1], "keep")
    refined = found.refine(review.log, progress=False)
    assert not set(queue["finding"][:2]) & set(refined.findings["finding"])
    assert refined.scores["labels"][queue["row"][0]] == 1
    assert refined.scores["labels"][queue["row"][1]] <= 0.5
    assert found.without(review.log).findings["finding"].tolist() == queue["finding"].tolist()[2:]


def test_a_chunk_that_has_not_begun_is_found():
    words, truth = make_sentences()
    spoilt = [list(tags) for tags in truth]
    row = next(i for i, tags in enumerate(truth) if tags[0] == "B-ORG")
    spoilt[row][0] = "I-ORG"
    found = audit_tags(to_frame(words, spoilt))
    own = found.findings[(found.findings["row"] == row) & (found.findings["part"] == 0)].iloc[0]
    assert (own["given"], own["suggested"]) == ("I-ORG", "B-ORG")
    assert "'I-ORG' goes on with a chunk that has not begun" in own["reason"]
    assert "1 tags go on with a chunk that has not begun" in line(found)["reason"]


def test_where_chunks_begin_with_i_that_is_no_error():
    words, truth = make_sentences()
    inside = [[t.replace("B-", "I-") if i % 7 else t for i, t in enumerate(tags)] for tags in truth]
    found = audit_tags(to_frame(words, inside))
    assert "most chunks begin without B-, so how they begin was not checked" in line(found)["reason"]


@pytest.mark.parametrize("form", ["arrays", "named", "long"])
def test_ones_own_probabilities(planted, form):
    frame, _, _, found = planted
    names = list(found.classes)
    arrays = [its.drop(columns=["row", "part"]).to_numpy() for _, its in found.probabilities.groupby("row")]
    own = {
        "arrays": arrays,
        "named": ([a[:, ::-1] for a in arrays], names[::-1]),
        "long": found.probabilities.sample(frac=1, random_state=0),
    }[form]
    other = audit_tags(frame, probabilities=own)
    np.testing.assert_allclose(other.probabilities[names], found.probabilities[names], atol=1e-9)
    assert "probabilities as given, alignment proven" in line(other)["reason"]


def test_probabilities_that_do_not_belong_are_refused(planted):
    frame, _, _, found = planted
    names = list(found.classes)
    long = found.probabilities
    arrays = [its.drop(columns=["row", "part"]).to_numpy() for _, its in long.groupby("row")]
    for spoilt, told in (
        (long[names], "need the columns 'row'"),
        (long[:-1], "or name tokens that are not there"),
        (arrays[:-1], "do not fit the tokens, first in row 219"),
        ([arrays[0][:2], *arrays[1:]], "do not fit the tokens, first in row 0"),
        (long.assign(**{names[0]: long[names[1]], names[1]: long[names[0]]}), "do not sum|in another order"),
        (long.rename(columns={names[0]: "B-XXX"}), "have no column of probabilities"),
    ):
        with pytest.raises(AlignmentError, match=told):
            audit_tags(frame, probabilities=spoilt)


def test_ones_own_model_sees_words_and_neighbours(planted):
    frame, _, places, _ = planted
    found = audit_tags(frame, model=BernoulliNB())
    assert "model BernoulliNB of words, their shapes and neighbours" in line(found)["reason"]
    assert len(places_of(found) & places) > 0.5 * len(places)


def test_rows_with_more_tokens_than_tags_are_named(planted):
    frame = planted[0].copy()
    frame["tags"] = [tags[:-1] if row == 17 else tags for row, tags in enumerate(frame["tags"])]
    size = len(frame["words"][17])
    told = rf"1 row has not as many tags in 'tags' as tokens in 'words': row 17 \({size} tokens, {size - 1} tags\)"
    for task in (None, "token"):
        with pytest.raises(InputError, match=told):
            audit_tags(frame, task=task)


def test_rows_without_tags_are_counted(planted):
    frame = planted[0].copy()
    frame["tags"] = [None if row == 4 else tags for row, tags in enumerate(frame["tags"])]
    found = audit_tags(frame)
    assert "1 row has no tags and was not judged" in line(found)["reason"]
    assert line(found)["rows"] == len(frame) - 1
    assert np.isnan(found.scores["labels"][4])


def test_two_columns_of_tokens_must_be_told_apart(planted):
    frame = planted[0].assign(lemmas=[[w.lower() for w in its] for its in planted[0]["words"]])
    for task in (None, "token"):
        with pytest.raises(
            InputError, match=r"all have as many tokens as 'tags' has tags. Say which holds the tokens: features="
        ):
            audit_tags(frame, task=task)
    assert audit_tags(frame, features=["words"]).task == "token"


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pd.DataFrame({"x": [1.0, 2.0], "tags": [["O"], ["B"]]}), "No column can hold the tokens"),
        (pd.DataFrame({"words": [["a"], ["b"]], "tags": [["O"], ["O"]]}), "holds the one tag 'O'"),
        (
            pd.DataFrame({"words": [["a"], ["b"]], "tags": [["O"], 3]}),
            r"1 cells of the label column 'tags' are no lists of tags, in the rows 1",
        ),
    ],
)
def test_what_holds_no_tags_is_refused(frame, told):
    with pytest.raises(InputError, match=told):
        audit_tags(frame, task="token")
