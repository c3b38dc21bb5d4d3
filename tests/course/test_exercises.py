"""The exercises: each is three cells, and its check tells right answers from wrong ones."""

import check_exercises
import nbformat
import numpy as np
import pytest
from check_exercises import KINDS, check_notebook, exercises_of, names, tag
from checkout import every_notebook
from student_notebooks import solutions, without_solutions

from lprnet_utils.course import NotYet, check, checking


@every_notebook
def test_a_chapter_has_four_exercises_one_of_them_open_ended(path):
    notebook = nbformat.read(path, as_version=4)
    exercises = exercises_of(notebook)
    open_ended = [cell.source for cell in notebook.cells if "open-ended" in cell.metadata.get("tags", ())]
    assert len(exercises) + len(open_ended) >= 4 and open_ended
    assert [exercise.name for exercise in exercises] == [f"{path.name[:2]}-{k + 1}" for k in range(len(exercises))]
    assert all("**Exercise" in text for text in open_ended), "a text that begins with **Exercise"
    assert f"**Exercise {len(exercises) + 1}" in open_ended[0], "numbered on"


@every_notebook
def test_an_exercise_is_a_text_a_start_a_short_check_and_a_folded_solution(path):
    notebook = nbformat.read(path, as_version=4)
    for number, exercise in enumerate(exercises_of(notebook), 1):
        text, _, _, solution = notebook.cells[exercise.position - 1 : exercise.position + 3]
        assert f"**Exercise {number}" in text.source
        assert len(exercise.check.splitlines()) <= 3, "what is tested is in lprnet_utils.course, not in the cell"
        assert exercise.solution.startswith('# @title Solution { display-mode: "form" }\n'), "folded in Colab"
        assert solution.metadata.jupyter.source_hidden, "folded in JupyterLab"
        shared = names(exercise.start)[0] & names(exercise.solution)[0]
        assert not shared, f"the solution replaces the learner's {shared}"
        assert f'check("{exercise.name}", ' in exercise.solution, "the solution is checked too"
        for cell in notebook.cells[exercise.position : exercise.position + 3]:
            (said,) = ["".join(output.get("text", "") for output in cell.outputs)]
            wanted = {"exercise": "", "check": "Not yet: ", "solution": "Right."}[tag(cell)]
            assert said.startswith(wanted), f"{exercise.name}, {tag(cell)}: {said}"


@every_notebook
def test_students_get_no_solutions_and_these_travel_apart(path):
    notebook = nbformat.read(path, as_version=4)
    student = without_solutions(notebook)
    count = len(exercises_of(notebook))
    assert [tag(cell) for cell in student.cells if tag(cell)] == ["exercise", "check"] * count
    assert not any(cell.get("outputs") for cell in student.cells)
    page = solutions(notebook)
    assert page.count("```python\n") == count and all(f"**Exercise {k + 1}" in page for k in range(count))


@pytest.mark.walk
@every_notebook
def test_the_start_and_wrong_answers_fail_and_the_solution_passes(path):
    wrong = [f"{r.exercise} {r.answer} {r.outcome}: {r.message}" for r in check_notebook(path) if not r.as_wanted]
    assert not wrong, "\n".join(wrong)


# ---- the machinery, on a notebook of its own

ANSWERS = {"no-op": "x", "constant": "3.0", "hard-coded": "1.25", "sign": "-2 * x", "square": "x**2"}


def twice(answer, rng):
    """Exercise 97-1: the double."""
    for x in rng.normal(5, 1, 3):
        checking.expect(np.isclose(checking.array_of(checking.call(answer, x), ()), 2 * x), f"wrong for {x:.2f}")
    return "Two of them."


@pytest.fixture
def exercise(monkeypatch):
    """The check of an exercise 97-1."""
    chapter = type("chapter", (), {"exercise_1": staticmethod(twice)})
    monkeypatch.setattr(checking, "import_module", lambda *_: chapter)
    monkeypatch.delenv("LPRNET_STRICT", raising=False)


@pytest.fixture
def toy(tmp_path, monkeypatch, exercise):
    """A function that writes a notebook with exercise 97-1 and a file of wrong answers."""
    monkeypatch.setattr(check_exercises, "WRONG_ANSWERS", tmp_path)

    def write(solution="FACTOR * x", start="x", **wrong):
        parts = [f"# 97-1 {label}\ndef double(x):\n    return {text}\n" for label, text in (ANSWERS | wrong).items()]
        (tmp_path / "chapter_97.py").write_text('"""Wrong."""\n\n' + "\n\n".join(parts), encoding="utf-8")
        cells = [
            ("import time\nFACTOR = 1\nraise SystemExit", None),
            ("FACTOR = 2\n%pip install nothing", None),
            (f"def double(x):\n    return {start}", "exercise"),
            ('check("97-1", double)', "check"),
            (f'def double_solution(x):\n    return {solution}\n\n\ncheck("97-1", double_solution)', "solution"),
            ("FACTOR = 0", None),
        ]
        cells[0] = ("from lprnet_utils.course import check\nimport time\n1 / 0", None)
        notebook = nbformat.v4.new_notebook()
        for source, label in cells:
            metadata = {"tags": [label]} if label else {}
            notebook.cells.append(nbformat.v4.new_code_cell(source, metadata=metadata))
        path = tmp_path / "97_toy.ipynb"
        nbformat.write(notebook, path)
        return path

    return write


def test_right_and_wrong_answers_are_told_apart_and_the_table_counts_them(toy):
    results = check_notebook(toy())
    assert all(result.as_wanted for result in results) and len(results) == 7
    assert [result.message for result in results if result.answer == "solution"] == ["Right. Two of them."]
    assert "97-1       fails   passes     5 of 5" in check_exercises.table(results)


@pytest.mark.parametrize(
    "change, outcome",
    [
        ({"solution": "3 * x"}, "solution fails"),
        ({"solution": "unknown * x"}, "solution breaks"),
        ({"start": "2 * x"}, "start passes"),
        ({"sign": "FACTOR * x"}, "sign passes"),
        ({"sign": "(_ for _ in ()).throw(SystemError)"}, "every answer as wanted"),
        ({"sign": "unknown * x"}, "sign breaks"),
    ],
)
def test_an_answer_that_is_judged_wrongly_is_noticed(toy, change, outcome):
    bad = [f"{result.answer} {result.outcome}" for result in check_notebook(toy(**change)) if not result.as_wanted]
    assert (bad or ["every answer as wanted"]) == [outcome]


def test_too_few_wrong_answers_are_refused(toy, monkeypatch):
    path = toy()
    wrong = check_exercises.wrong_answers("97")
    assert set(wrong["97-1"]) == set(ANSWERS) > set(KINDS)
    for label in ("constant", "square"):
        fewer = {"97-1": {k: v for k, v in wrong["97-1"].items() if k != label}}
        monkeypatch.setattr(check_exercises, "wrong_answers", lambda chapter, fewer=fewer: fewer)
        with pytest.raises(ValueError, match="97-1 has 4 wrong answers"):
            check_notebook(path)


def test_only_needed_statements_run():
    assert names("a[0] = b\nc.d.e = 1\nf = lambda x: x + g") == ({"a", "c", "f"}, {"a", "b", "c", "g"})
    assert names("for k in b:\n    a.append(k)\n    print(k)") == ({"a", "k"}, {"a", "b", "k", "print"})
    assert check_exercises.plain("%pip install a\nif x:\n    !ls") == "pass\nif x:\n    pass"


def test_a_check_lets_the_notebook_go_on_unless_it_is_strict(exercise, monkeypatch, capsys):
    check("97-1", lambda x: 2 * x)
    check("97-1", lambda x: 3 * x)
    right, wrong = capsys.readouterr().out.splitlines()
    assert right == "Right. Two of them." and wrong.startswith("Not yet: wrong for ")
    monkeypatch.setenv("LPRNET_STRICT", "1")
    with pytest.raises(NotYet) as raised:
        check("97-1", lambda x: 3 * x)
    assert "exercise 97-1" in raised.value.__notes__[0]


def clobber(x):
    x[0] = 1
    return x


def broken(x):
    return x / "2"


@pytest.mark.parametrize(
    "answer, inputs, message",
    [
        (5, (1,), "give the check your function itself"),
        (print, (1,), "returns nothing"),
        (clobber, (np.zeros(3),), "changes the array that it is given"),
        (broken, (np.arange(3.0),), r"broken\(\[0\., 1\., 2\.\]\) fails in line \d+ of its cell: .*Error"),
        (broken, (np.zeros((9, 2)), 0.5), r"broken\(an array of shape \(9, 2\), 0.5\) fails: TypeError"),
    ],
)
def test_a_call_that_goes_wrong_says_how(answer, inputs, message):
    with pytest.raises(NotYet, match=message):
        checking.call(answer, *inputs)


@pytest.mark.parametrize(
    "value, message", [("a", "numbers"), ([1], r"shape \(2,\), not \[1.\]"), ([1, np.nan], "finite")]
)
def test_a_result_of_the_wrong_kind_says_so(value, message):
    with pytest.raises(NotYet, match=message):
        checking.array_of(value, (2,))
