"""Sensitive columns: nothing that is marked reaches a log, a card or git, and the log still finds its rows."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from click.testing import CliRunner

from dcai.base.errors import InputError, MissingError, StaleError
from dcai.base.keyring import find_folder
from dcai.base.settings import find_settings, mark_sensitive
from dcai.base.table import make_table
from dcai.corrections.exchange import export_log
from dcai.corrections.files import apply_to_file
from dcai.corrections.log import CorrectionLog
from dcai.corrections.reviews.terms import MASKED, remark_on_personal_data
from dcai.corrections.session import Review
from dcai.shells.cli import cli

from .conftest import audit_of

SECRETS = ["ann@example.org", "bob@example.org", "cleo@example.org", "dora@example.org"]


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.net", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of the test's own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


@pytest.fixture
def people() -> pd.DataFrame:
    """Four people; the mail address is nobody's business."""
    return pd.DataFrame(
        {"mail": SECRETS, "age": [31, 42, 53, 64], "city": ["Bonn", "bonn", "Ulm", "Ulm"], "y": ["a", "b", "a", "b"]}
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository that marks the mail address."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q")
    mark_sensitive(find_settings(folder), "mail")
    return folder


def objects_of(root: Path) -> str:
    """The text of every object of a repository, reachable or not."""
    listed = git(root, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").splitlines()
    blobs = [name for name, kind in map(str.split, listed) if kind != "tree"]
    assert blobs
    return "\n".join(git(root, "cat-file", "-p", name) for name in blobs)


@pytest.mark.parametrize("key", [None, "mail", ["mail", "age"]])
def test_no_marked_value_is_in_any_object_of_git(people: pd.DataFrame, root: Path, key: object) -> None:
    path = root / "corrections" / "y.jsonl"
    audit = audit_of(people, key=key, found=[(0, "mail", "anna@example.org"), (1, "city", "Bonn"), (2, "y", "b")])
    review = Review(audit, path, by="ada", controls={3: "b"}, repeats=1)
    review.decide("f0", "keep", note="looks fine")
    review.decide("f1", "edit", "Bonn")
    review.decide("f2", "relabel")
    review.decide(3, "exclude")
    for trial in review._trials:
        review.decide(trial, "keep")
    review.undo()
    Review(audit, path, by="bob").decide(1, "keep")
    git(root, "add", ".")
    git(root, "commit", "-qm", "decided")
    text = objects_of(root)
    assert '"verdict":"relabel"' in text
    assert "~keyed:" in text
    assert not [secret for secret in SECRETS if secret in text]

    # The rows are found again, moved or not, and every decision is carried out.
    clean = CorrectionLog.read(path).apply(people.sample(frac=1, random_state=3))
    assert clean["mail"].sort_values().tolist() == SECRETS[:3]
    assert clean.sort_values("mail")["city"].tolist() == ["Bonn", "Bonn", "Ulm"]
    assert clean.sort_values("mail")["y"].tolist() == ["a", "b", "b"]
    pd.testing.assert_frame_equal(CorrectionLog.read(path).apply(clean), clean)
    again = Review(audit_of(clean.reset_index(drop=True), key=key), path, by="ada")
    again.decide(clean["mail"].tolist().index("cleo@example.org"), "exclude")
    assert len(CorrectionLog.read(path).apply(people)) == 2


def test_a_changed_sensitive_cell_is_stale(people: pd.DataFrame, root: Path) -> None:
    review = Review(audit_of(people.assign(id=range(4)), key="id"), root / "corrections" / "y.jsonl", by="ada")
    review.decide(0, "keep", column="mail")
    review.decide(1, "keep")
    moved = people.assign(id=range(4), mail=["x@example.org", *SECRETS[1:]])
    assert review.log.check(moved)["status"].tolist() == ["stale", "fits"]
    other = people.assign(id=range(4), mail=[SECRETS[0], "x@example.org", *SECRETS[2:]])
    assert review.log.check(other)["status"].tolist() == ["fits", "stale"]


def test_a_new_value_of_a_sensitive_cell_is_refused(people: pd.DataFrame, root: Path) -> None:
    review = Review(audit_of(people, found=[(0, "mail", "x")]), root / "corrections" / "y.jsonl", by="ada")
    for verdict, value in (("edit", "new@example.org"), ("ambiguous", ["a", "b"]), ("edit", None)):
        with pytest.raises(
            InputError, match="'mail' is marked as sensitive in dcai.yaml.*Correct it in the source data"
        ):
            review.decide(0, verdict, value, column="mail")
    with pytest.raises(InputError, match="The note repeats what the sensitive column 'mail' holds in this row"):
        review.decide(0, "keep", note="Ask ANN@example.org.")
    with pytest.raises(InputError, match="The value repeats what the sensitive column 'mail' holds"):
        review.decide(0, "edit", "see ann@example.org", column="city")
    assert not review.log.path.exists()


def test_cards_lines_exports_and_outputs_are_masked(people: pd.DataFrame, root: Path, tmp_path: Path) -> None:
    audit = audit_of(people, key="mail", found=[(0, "mail", "x@example.org"), (1, "y", "a")])
    audit.findings["reason"] = ["ann@example.org is no x@example.org.", "It looks wrong."]
    audit.findings["peers"] = [[], [2, 3]]
    review = Review(audit, root / "corrections" / "y.jsonl", by="ada")
    shown = repr([review.page(0, 10), review.card("f0"), review.card("f1")])
    assert MASKED in shown
    assert not [s for s in [*SECRETS, "x@example.org"] if s in shown]
    assert {c.column: c.text for c in review.card("f1").peers[0].cells} == {"mail": MASKED, "age": "53", "city": "Ulm"}
    review.decide("f1", "relabel")
    for form in ("csv", "argilla", "label-studio"):
        export_log(review.log, tmp_path / form, form, audit=audit)
        assert not [s for s in SECRETS if s in (tmp_path / form).read_text()]


def test_a_lost_key_is_said(people: pd.DataFrame, root: Path) -> None:
    review = Review(audit_of(people), root / "corrections" / "y.jsonl", by="ada")
    review.decide(0, "exclude")
    for path in find_folder().glob("*.key"):
        path.unlink()
    with pytest.raises(MissingError, match="hides sensitive columns of this log is not at"):
        CorrectionLog.read(review.log.path).apply(people)


def test_a_column_marked_later_is_hidden_from_then_on_and_forget_says_what_git_holds(
    people: pd.DataFrame, tmp_path: Path
) -> None:
    root = tmp_path / "later"
    root.mkdir()
    git(root, "init", "-q")
    path = root / "corrections" / "y.jsonl"
    first = Review(audit_of(people, key="mail"), path, by="ada")
    first.decide(0, "relabel", "b", column="y")
    first.decide(3, "edit", "ulm", column="city")
    assert first.log.forget("phone").sentences[0] == "y.jsonl holds no value of 'phone' in clear."
    git(root, "add", ".")
    git(root, "commit", "-qm", "too early")
    git(root, "remote", "add", "origin", "https://example.org/x.git")
    mark_sensitive(find_settings(root), "mail")
    review = Review(audit_of(people, key="mail"), path, by="ada")
    review.decide(1, "relabel", "a", column="y")
    review.decide(0, "keep", column="mail")
    assert [("~keyed:" in str(c.key)) for c in review.log.corrections] == [False, False, True, True]
    assert review.log.apply(people)["y"].tolist() == ["b", "a", "a", "b"]
    remains = review.log.forget("mail")
    assert (len(remains.lines), len(remains.commits), remains.remotes) == (2, 1, ["origin"])
    told = " ".join(remains.sentences)
    for words in (
        "2 lines of y.jsonl hold values of 'mail' in clear",
        "git filter-repo",
        "stays with origin",
        "test a guess",
    ):
        assert words in told
    done = CliRunner().invoke(cli, ["forget", str(path), "mail", "--json"])
    assert '"commits":["' in done.output
    with pytest.raises(InputError, match="Name the columns that must be forgotten"):
        review.log.forget()


def test_no_reason_tells_what_was_written_before_its_column_was_marked(people: pd.DataFrame, root: Path) -> None:
    path = root / "corrections" / "y.jsonl"
    ada, bob = (Review(audit_of(people.assign(n=range(4)), key="n"), path, by=by) for by in ("ada", "bob"))
    ada.decide(0, "edit", "Kiel", column="city")
    ada.decide(1, "edit", "Jena", column="city")
    bob.decide(1, "edit", "Gera", column="city")
    ada.decide(2, "relabel", "b", column="y")
    changed = people.assign(n=range(4), city="Bern", y="c")
    open_reasons = " ".join(ada.log.check(changed)["why"])
    assert all(town in open_reasons for town in ("Bonn", "Bern", "Kiel", "Jena", "Gera"))
    mark_sensitive(find_settings(root), "city", "n")
    log = CorrectionLog.read(path)
    with pytest.raises(StaleError) as raised:
        log.apply(changed)
    reasons = [*log.check(changed)["why"], str(raised.value)]
    assert not any(town in reason for reason in reasons for town in ("Bonn", "bonn", "Bern", "Kiel", "Jena", "Gera"))
    assert "marked as sensitive, so no value is told" in reasons[0]
    assert "Reviewers disagree (ada: edit; bob: edit). Settle it in a review: " in reasons[1]
    assert "{'n': '(hidden)'}" in str(raised.value)
    assert "The cell holds 'c'; expected 'a'" in reasons[3]  # the label is no secret


def test_the_command_line_tells_no_value_that_was_written_before_its_column_was_marked(
    people: pd.DataFrame, root: Path
) -> None:
    path, data = root / "corrections" / "y.jsonl", root / "people.csv"
    ada = Review(audit_of(people.assign(n=range(70, 74)), key="n"), path, by="ada")
    ada.decide(0, "edit", "Kiel", column="city")
    ada.decide(1, "edit", None, column="city")
    ada.decide(2, "relabel", "b", column="y")
    people.assign(n=range(70, 74), city="Bern").rename(columns={"city": "town"}).to_csv(data, index=False)
    arguments = ["check", str(data), str(path), "--rename", "city=town"]
    before = CliRunner().invoke(cli, [*arguments, "--json"]).stdout
    assert all(value in before for value in ("Bonn", "bonn", "Bern", "Kiel", '"n": 70'))
    mark_sensitive(find_settings(root), "town", "n")
    after = CliRunner().invoke(cli, [*arguments, "--json"])
    told = [json.loads(line) for line in after.stdout.splitlines()]
    assert after.exit_code == 4
    assert not any(value in after.stdout for value in ("Bonn", "bonn", "Bern", "Kiel"))
    assert [one["key"] for one in told] == [{"n": "(hidden)"}] * 3
    assert [(one["given"], one["value"], one["current"]) for one in told] == [
        ("(hidden)", "(hidden)", "(hidden)"), ("(hidden)", None, "(hidden)"), ("a", "b", "a"),
    ]  # fmt: skip
    plain = CliRunner().invoke(cli, arguments).stdout
    assert not any(value in plain for value in ("Bonn", "bonn", "Bern", "Kiel"))


@pytest.mark.parametrize("kind", ["pandas", "arrow", "polars", "file"])
def test_no_error_tells_a_sensitive_value_that_its_column_cannot_take(
    people: pd.DataFrame, root: Path, kind: str
) -> None:
    texts = people.assign(n=range(4), age=list("1234"))
    path, data = root / "corrections" / "y.jsonl", root / "people.parquet"
    Review(audit_of(texts, key="n"), path, by="ada").decide(0, "edit", "about 40", column="age")
    typed = texts.assign(age=range(1, 5))
    typed.to_parquet(data)
    makers = {"arrow": pa.Table.from_pandas, "polars": pl.from_pandas}
    frame = makers.get(kind, lambda same: same)(typed)

    def refuse() -> str:
        log = CorrectionLog.read(path)
        with pytest.raises(InputError, match="'age' holds .* and cannot take .* Convert the column to text") as caught:
            apply_to_file(data, log, root / "out.parquet") if kind == "file" else log.apply(frame)
        return str(caught.value)

    assert "about 40" in refuse()
    mark_sensitive(find_settings(root), "age")
    assert "about 40" not in refuse()
    assert "a corrected value, which is not told, as the column is marked as sensitive" in refuse()


def test_personal_data_is_warned_of_before_the_first_line(
    people: pd.DataFrame, tmp_path: Path, root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import dcai

    audit = dcai.audit(pd.concat([people] * 5, ignore_index=True), label="y", detectors=["personal_data"])
    open_log = Review(audit, tmp_path / "open" / "y.jsonl", by="ada")
    (remark,) = open_log.terms.remarks
    assert caplog.messages == [remark]
    assert "'mail' seems to hold personal data" in remark
    assert "sensitive: [mail]" in remark
    open_log.decide(0, "exclude")
    assert open_log.terms.remarks == []
    assert Review(audit, root / "corrections" / "y.jsonl", by="ada").terms.remarks == []
    assert Review(audit, root / "corrections" / "y.jsonl", by="ada").terms.masked == ["mail"]


def test_columns_are_marked_from_the_review_and_are_hidden_at_once(people: pd.DataFrame, tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    git(folder, "init", "-q")
    frame = people.rename(columns={"mail": "e-mail: home"})
    review = Review(
        audit_of(frame, key="e-mail: home", found=[(0, "y", "b")]), folder / "corrections" / "y.jsonl", by="ada"
    )
    with pytest.raises(InputError, match="no column 'mail'|'mail'"):
        review.mark_sensitive("mail")
    assert not (folder / "dcai.yaml").exists()
    assert review.mark_sensitive("e-mail: home") == ("e-mail: home",)
    assert review.terms.masked == ["e-mail: home"]
    assert SECRETS[0] not in str(review.card("f0"))
    review.decide("f0", "relabel")
    assert SECRETS[0] not in (folder / "corrections" / "y.jsonl").read_text()
    assert find_settings(folder).sensitive == ("e-mail: home",)


@pytest.mark.parametrize("name", ["mail", "e-mail: home", "no", "a, b", 'a "b"', "über", "[x]", "#1"])
def test_the_line_to_paste_marks_the_column(name: str, tmp_path: Path) -> None:
    (remark,) = remark_on_personal_data([name], [], find_settings(tmp_path))
    line = remark[remark.index("sensitive: [") :].partition(". Then the log holds keyed hashes only")[0]
    (tmp_path / "dcai.yaml").write_text(line + "\n")
    assert find_settings(tmp_path).sensitive == (name,)


SHOW = """
import pandas as pd, dcai
frame = pd.read_csv("people.csv")
audit = dcai.audit(frame, label="y", key="mail", detectors=["conflicts", "personal_data"], progress=False)
display(audit, audit.explain(audit.findings.loc[audit.findings["row"] >= 0, "finding"].iloc[0]))
review = dcai.Review(audit, "corrections/y.jsonl", by="ada")
for finding in review.queue()["finding"]:
    review.decide(finding, "keep")
display(dcai.review(audit, "corrections/y.jsonl", by="ada"), review.log, review.log.to_frame(), dcai.profile(frame))
"""


def test_nothing_of_a_run_shows_a_marked_column(
    people: pd.DataFrame, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the notebook's outputs, nor the run's record and journal, nor the log."""
    import nbformat

    import dcai

    frame = pd.concat([people.assign(mail="x" + people["mail"].astype(str)), people], ignore_index=True)
    frame.loc[0, "y"] = "b"
    frame.to_csv(root / "people.csv", index=False)
    spec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(SHOW)], metadata={"kernelspec": spec}),
        root / "show.ipynb",
    )
    monkeypatch.chdir(root)
    done = dcai.run(root / "show.ipynb", root=root)
    assert done.status == "succeeded"
    files = [p for p in (*root.glob("runs/**/*"), *root.glob("corrections/*")) if p.is_file()]
    output = next(p for p in files if p.name == "output.ipynb").read_text()
    assert "findings decided" in output
    assert MASKED in output or "~keyed:" in output
    told = {p.name: p.read_text(errors="replace") for p in files}
    assert {"run.json", "events.jsonl", "output.ipynb", "y.jsonl"} <= set(told)
    assert not [(name, secret) for name, text in told.items() for secret in SECRETS if secret in text]

    # Nor does any object of git, with the run, the notebook as it was saved, an export and a promoted pipeline in it.
    (root / "saved.ipynb").write_text(output)
    export_log(CorrectionLog.read(root / "corrections" / "y.jsonl"), root / "decisions.csv", "csv")
    dcai.promote(root / "show.ipynb", "shown", root=root, check=False)
    git(root, "add", "--force", ".", ":!people.csv")
    git(root, "commit", "-qm", "all but the data")
    text = objects_of(root)
    assert '"verdict":"keep"' in text
    assert "findings decided" in text
    assert not [secret for secret in SECRETS if secret in text]
    found = CorrectionLog.read(root / "corrections" / "y.jsonl").forget("mail", frame=people)
    assert (found.lines, found.files, found.tables) == ([], [], [])
    git(root, "add", "people.csv")
    found = CorrectionLog.read(root / "corrections" / "y.jsonl").forget("mail", frame=people)
    assert len(found.files) == 1


def test_a_marked_label_takes_no_controls(people: pd.DataFrame, root: Path) -> None:
    mark_sensitive(find_settings(root), "y")
    with pytest.raises(InputError, match="The label 'y' is marked as sensitive, so controls and repeats"):
        Review(audit_of(people), root / "corrections" / "y.jsonl", by="ada", controls={0: "a"})


def test_batches_cannot_be_hidden(tmp_path: Path) -> None:
    from dcai.corrections.decisions.veils import Veil

    class Stored(type(make_table(pd.DataFrame({"mail": ["x"]})))):  # a table that is read in batches
        stored = None

    with pytest.raises(InputError, match="cannot be hidden while data is read in batches. Audit it whole"):
        Veil({"mail": "00000000"}).cover_table(Stored(pd.DataFrame({"mail": ["x"]})))


def test_reports_show_nothing_of_marked_columns(
    people: pd.DataFrame, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dcai

    monkeypatch.chdir(root)
    many = pd.concat([people] * 5, ignore_index=True)
    many["mail"] = [f"{i}{v}" for i, v in enumerate(many["mail"])]
    many.loc[3, "mail"] = "n/a"
    audit = dcai.audit(many.rename(columns={"mail": "who"}), label="y", detectors=["missing", "variants"])
    assert audit.masked == ()  # nobody marked it under that name
    mark_sensitive(find_settings(root), "who")
    audit = dcai.audit(many.rename(columns={"mail": "who"}), label="y", detectors=["missing", "variants"])
    assert len(audit) > 0
    assert audit.masked == ("who",)
    shown = audit._repr_html_() + repr(audit.explain(audit.findings["finding"].iloc[0]))
    assert MASKED in shown
    assert not [s for s in [*SECRETS, "n/a", "d***"] if s in shown]
    assert audit.without(dcai.CorrectionLog(root / "none.jsonl")).masked == ("who",)
