"""What GitHub shows around the code: issue forms, conduct, security, Dependabot, pre-commit; and the audit."""

import json
import subprocess

import audit
import pytest
import yaml
from checkout import DOCUMENTS, FORMS, PROJECT, ROOT, text_of

GITHUB = ROOT / ".github"
REPOSITORY = PROJECT["project"]["urls"]["Repository"]


def yaml_of(path):
    return yaml.safe_load(text_of(path))


def test_the_files_that_github_looks_for_are_there():
    names = {path.relative_to(ROOT).as_posix() for path in DOCUMENTS}
    assert {"CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md", ".github/PULL_REQUEST_TEMPLATE.md"} <= names
    assert [path.name for path in FORMS] == ["bug.yml", "config.yml", "question.yml"]
    private = f"{REPOSITORY}/security/advisories/new"
    for path in (ROOT / "CODE_OF_CONDUCT.md", ROOT / "SECURITY.md", GITHUB / "ISSUE_TEMPLATE" / "config.yml"):
        assert private in text_of(path), f"{path.name} does not say where to write in private"
    assert "contributor-covenant.org/version/2/1/" in text_of(ROOT / "CODE_OF_CONDUCT.md")


@pytest.mark.parametrize("path", [path for path in FORMS if path.name != "config.yml"], ids=lambda path: path.stem)
def test_a_form_is_one_that_github_accepts(path):
    """GitHub's rules for issue forms; a form that breaks one is not offered, without a message."""
    form = yaml_of(path)
    assert (
        {"name", "description", "body"} <= set(form) <= {"name", "description", "title", "labels", "assignees", "body"}
    )
    assert len(form["name"]) > 3 and len(form["description"]) < 200
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in fields]
    labels = [field["attributes"]["label"] for field in fields]
    assert len(set(ids)) == len(ids) and len(set(labels)) == len(labels) and fields
    for field in form["body"]:
        assert field["type"] in ("markdown", "textarea", "input", "dropdown", "checkboxes")
        if field["type"] == "markdown":
            assert set(field["attributes"]) == {"value"}
        if field["type"] == "dropdown":
            options = field["attributes"]["options"]
            assert len(set(options)) == len(options) > 1 and all(isinstance(option, str) for option in options)
    assert "`lprnet --version`" in " ".join(labels)


def test_a_report_says_version_system_and_whether_a_photo_may_be_shown():
    fields = {field.get("id"): field for field in yaml_of(GITHUB / "ISSUE_TEMPLATE" / "bug.yml")["body"]}
    assert all(fields[name]["validations"]["required"] for name in ("what", "version", "system", "photo"))
    assert any("may not share" in option for option in fields["photo"]["attributes"]["options"])


def test_dependabot_looks_after_python_and_actions():
    updates = yaml_of(GITHUB / "dependabot.yml")
    assert updates["version"] == 2
    assert {update["package-ecosystem"] for update in updates["updates"]} == {"pip", "github-actions"}
    assert all(
        update["schedule"]["interval"] and (ROOT / update["directory"][1:]).is_dir() for update in updates["updates"]
    )


def test_the_commit_hook_has_the_ruff_of_the_tests():
    (repository,) = yaml_of(ROOT / ".pre-commit-config.yaml")["repos"]
    assert f"\nruff=={repository['rev'].removeprefix('v')}\n" in text_of(ROOT / "constraints.txt")
    assert [hook["id"] for hook in repository["hooks"]] == ["ruff-check", "ruff-format"]


HOLE = {"id": "PYSEC-1", "fix_versions": ["12.0"], "aliases": ["CVE-1"], "description": "bad"}
PACKAGES = [{"name": "numpy", "version": "2.0", "vulns": []}, {"name": "pillow", "version": "11.3", "vulns": [HOLE]}]
SKIPPED = {"name": "jax", "skip_reason": "not on PyPI"}


@pytest.mark.parametrize(("packages", "said", "status", "printed"), [
    (PACKAGES[:1], "No known vulnerabilities found", 0, "1 packages of constraints.txt compared, 0 known holes"),
    ([*PACKAGES, SKIPPED], "Found 1", 1, "pillow 11.3: PYSEC-1, CVE-1; closed by 12.0\n2 packages"),
    ([*PACKAGES, SKIPPED], "Found 1", 1, "not compared: jax (not on PyPI)"),
    ([PACKAGES[0], SKIPPED], "No known", 2, "not compared: jax (not on PyPI)"),
    ([SKIPPED, SKIPPED], "No known", 2, "gave no answer, so nothing was compared.\n  not on PyPI"),
    (None, "ERROR: could not connect", 2, "gave no answer, so nothing was compared.\n  ERROR: could not connect"),
    (None, "", 2, 'https://api.osv.dev: make audit AUDIT="--service osv"'),
], ids=["none", "hole", "hole and skipped", "skipped", "mirror", "no network", "silence"])  # fmt: skip
def test_the_audit_says_what_is_known_or_what_to_do(packages, said, status, printed, monkeypatch, capsys):
    commands = []

    def run(command, **options):
        commands.append(command)
        out = json.dumps({"dependencies": packages, "fixes": []}) if packages else ""
        return subprocess.CompletedProcess(command, 1, out, f"{said}\n")

    monkeypatch.setattr("audit.subprocess.run", run)
    assert audit.main([]) == status
    told = capsys.readouterr()
    assert printed in told.out + told.err and str(audit.CONSTRAINTS) in commands[0]
