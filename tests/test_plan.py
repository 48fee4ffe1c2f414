"""Plans: what is wrong with one is said before anything is done."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.engines.fake_openai import FakeOpenAI
from workbench import jobs
from workbench.cli.main import app
from workbench.engines.juries import SETTINGS as JURY_SETTINGS
from workbench.engines.settings import PARAMS
from workbench.errors import BadInput
from workbench.pipeline import check_specs, plan_spec, steps
from workbench.plan import TABLES, Plan, fields_at, read_plan
from workbench.stages import make_spec, stage
from workbench.store import Store

GOOD = """
models = ["a"]

[questions]
import = ["q.jsonl"]
limit = 3

[[judges]]
model = "j"
"""


def plan(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "plan.toml"
    path.write_text(text)
    return path


def test_paths_are_relative_to_the_plan(tmp_path: Path) -> None:
    found = read_plan(plan(tmp_path, GOOD))
    assert found.questions.import_ == [str(tmp_path / "q.jsonl")]
    assert [kind for kind, _ in steps(found)] == ["generate", "judge"]


def test_every_step_has_a_valid_spec(tmp_path: Path) -> None:
    text = GOOD + "[similarity]\n[select]\ntop_k = 3\ncontrol = 1\n"
    found = read_plan(plan(tmp_path, text))
    kinds = [kind for kind, _ in steps(found)]
    assert kinds == ["generate", "similarity", "select", "judge"]
    for kind, values in steps(found):
        make_spec(kind, values)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("modles = ['a']\n", 1, "did you mean 'models'"),
        ("[questions]\nbench = 'x'\nlimmit = 3\n", 3, "did you mean 'limit'"),
        ("[questions]\nlimit = 'three'\n", 2, "valid integer"),
        ("[questions]\nlimit = 0\n", 2, "greater than 0"),
        ("[[judges]]\nmodel = 'a'\n[[judges]]\nmodel = 'b'\nprotocl = 'single'\n", 5, "did you mean 'protocol'"),
        ("[[judges]]\nprotocol = 'single'\n", 1, "required"),
        ("[[judges]]\nmodel = 'a'\nprotocol = 'pairwise'\n", 3, "pairwise-all"),
        ("[[judges]]\nmodel = 'a'\nprotocol = 'pairwise-baseline'\n", 1, "needs a baseline"),
        ("models = ['a', 'a']\n", 1, "named twice"),
        ("[[models]]\nname = 'm'\ntemperture = 1\n", 3, "did you mean 'temperature'"),
        ("[select]\ntop_k = 1\n", 1, "needs a [similarity]"),
        ("[run]\ntolerance = 2\n", 2, "less than or equal to 1"),
    ],
)
def test_a_wrong_plan_names_file_line_and_nearest_key(tmp_path: Path, text: str, line: int, words: str) -> None:
    path = plan(tmp_path, text)
    with pytest.raises(BadInput) as caught:
        read_plan(path)
    assert words in caught.value.message
    assert caught.value.message.startswith(f"{path}:{line}: "), caught.value.message


def test_not_toml_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not valid TOML"):
        read_plan(plan(tmp_path, "models = [\n"))
    with pytest.raises(BadInput, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


def test_settings_without_an_engine_are_refused(tmp_path: Path) -> None:
    found = read_plan(plan(tmp_path, "[[models]]\nname = 'm'\ntemperature = 1\n"))
    with pytest.raises(BadInput, match="no engine"):
        check_specs(found)


def test_the_sample_plan_is_right() -> None:
    found = read_plan(Path(__file__).resolve().parents[1] / "sample_data" / "plan.toml")
    assert len(list(steps(found))) == 4


def test_what_is_evolved_is_what_later_stages_work_on(tmp_path: Path) -> None:
    text = "models = ['a']\n[questions]\nbench = 'seeds'\nlimit = 3\n[evolve]\nmodel = 'm'\nscenario = 'mine.toml'\n"
    found = read_plan(plan(tmp_path, text + "[similarity]\n"))
    by_kind = dict(steps(found))
    assert list(by_kind) == ["evolve", "generate", "similarity"]
    spec = make_spec("evolve", by_kind["evolve"])
    assert (spec.bench, spec.limit, spec.scenario) == ("seeds", 3, str(tmp_path / "mine.toml"))
    assert by_kind["generate"]["bench"] == by_kind["similarity"]["bench"] == spec.target == "seeds-evolved"
    assert by_kind["generate"]["limit"] is None
    with pytest.raises(BadInput, match=r"questions\.bench"):
        read_plan(plan(tmp_path, text.replace("bench = 'seeds'\n", "")))


def documented_keys() -> dict[str, set[str]]:
    """Table → keys, as the table of ``docs/plan.md`` has them; ``top`` for those outside any."""
    text = (Path(__file__).resolve().parents[1] / "docs" / "plan.md").read_text("utf-8")
    found: dict[str, set[str]] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("| ") and not line.startswith("| table |"):
            first, keys = (cell.strip(" `") for cell in line.split("|")[1:3])
            table = first.strip("[]") or table
            found.setdefault(table, set()).update(key.strip("` ") for key in keys.split(","))
    return found


def test_documented_keys_are_those_accepted() -> None:
    documented = documented_keys()
    assert documented.pop("top") | {"models"} == {"models"}
    assert set(documented) | {"models"} == set(fields_at([]))  # every table, and no other
    assert {table: sorted(keys) for table, keys in documented.items()} == {t: fields_at([t]) for t in TABLES}


def test_plans_reach_every_option_of_their_stages() -> None:
    """What a spec takes and a plan does not is what the plan says elsewhere; and a plan waits for its batches."""
    scope = {"models", "bench", "category", "limit", "questions", "wait"}
    elsewhere = {"judge": {"judge", "selection"}, "select": {"metric", "embedder"}}
    for kind, table in (("evolve", "evolve"), ("generate", "generate"), ("judge", "judges"), ("select", "select")):
        options = set(stage(kind).part(stage(kind).spec).__dataclass_fields__)
        assert options - scope - elsewhere.get(kind, set()) <= set(fields_at([table])), kind


def test_model_tables_take_every_setting() -> None:
    """Save those of embedders, which answer no question."""
    own = {"name", "engine", "base_url", "path"}
    assert set(fields_at(["models"])) - own == {*PARAMS, *JURY_SETTINGS} - {"dimensions", "batch_size"}


PROTOCOL = """
name = "liveliness"
prompt = "{{fence}} {{question_1}} {{answer_1}} {{fence}} How lively? Level: 0 to 4"
[parser]
number = true
lowest = 0
highest = 4
"""
ELSEWHERE = """
[questions]
import = ["../data/questions.jsonl"]
bench = "b"

[[models]]
name = "m"
base_url = "URL"
model = "fake"

[[judges]]
model = "m"
protocol = "user:mine/liveliness.toml"

[[judges]]
model = "m"
protocol = "rubric:../rubric.toml"

[report]
agreement = false
"""


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The text of a plan in a folder of its own, whose files lie around it; the current folder is another."""
    for folder in ("plans/mine", "data", "here"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "plans/mine/liveliness.toml").write_text(PROTOCOL)
    sample = Path(__file__).resolve().parents[1] / "sample_data" / "rubric.toml"
    (tmp_path / "rubric.toml").write_bytes(sample.read_bytes())
    lines = [{"question_id": n, "category": "writing", "turns": [f"Tell me about {n}."]} for n in (1, 2)]
    (tmp_path / "data/questions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    monkeypatch.chdir(tmp_path / "here")
    path = tmp_path / "plans" / "plan.toml"
    path.write_text(ELSEWHERE)
    return path


def test_files_of_protocols_are_relative_to_the_plan(elsewhere: Path) -> None:
    found = read_plan(Path("../plans/plan.toml"))
    check_specs(found)
    names = [judge.protocol for judge in found.judges]
    assert all(Path(name.partition(":")[2]).is_absolute() and Path(name.partition(":")[2]).is_file() for name in names)
    assert [name.partition(":")[0] for name in names] == ["user", "rubric"]
    # They stay what they are on the way to a worker that runs elsewhere.
    assert Plan.model_validate(plan_spec(found)).judges == found.judges


def test_a_wrong_file_of_a_plan_is_said_before_anything_is_done(elsewhere: Path) -> None:
    (elsewhere.parent / "mine/liveliness.toml").write_text(PROTOCOL.replace("number", "nummer"))
    with pytest.raises(BadInput, match=r"liveliness\.toml: field 'parser\.nummer': unknown key"):
        check_specs(read_plan(elsewhere))
    (elsewhere.parent / "mine/liveliness.toml").unlink()
    with pytest.raises(BadInput, match=r"plan\.toml:13: field 'judges\.protocol': there is no file"):
        read_plan(elsewhere)


@pytest.mark.parametrize("detach", [False, True])
def test_a_plan_elsewhere_runs_here_and_detached(elsewhere: Path, store: Store, detach: bool) -> None:
    with FakeOpenAI(lambda body: "Level: 3" if "lively" in str(body) else "Fine. [RESULT] 4") as server:
        elsewhere.write_text(ELSEWHERE.replace("URL", server.url))
        words = ["--store", str(store.path), "run", "../plans/plan.toml", *(["--detach"] if detach else []), "--json"]
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        if detach:
            job = jobs.wait(store, json.loads(done.stdout)["job_id"])
            assert job["state"] == "done", job["message"]
    rows = store.sql("SELECT protocol, count(*), max(score_a) FROM judgments WHERE state = 'ok' GROUP BY 1 ORDER BY 1")
    assert rows.rows == [["rubric", 2, 4.0], ["user:liveliness", 2, 3.0]]


def test_similarity_is_passed_on_with_all_its_options(tmp_path: Path) -> None:
    (tmp_path / "enc").mkdir()
    text = (
        'models = ["smollm2-plain", "smollm2-brief"]\n[similarity]\nmetric = "bertscore"\nmodel = "./enc"\nlayer = 6\n'
        'rescale = "en"\nmemory = 0.5\n[select]\n'
    )
    found = read_plan(plan(tmp_path, text))
    by_kind = {kind: make_spec(kind, values) for kind, values in steps(found)}
    spec = by_kind["similarity"]
    assert (spec.metric, spec.layer, spec.rescale, spec.memory) == ("bertscore", 6, "en", 0.5)
    assert spec.embedder == str(tmp_path / "enc")
    assert by_kind["select"].metric == "bertscore-f1"
    with pytest.raises(BadInput, match=r"similarity\.metric"):
        read_plan(plan(tmp_path, '[similarity]\nmetric = "bert"\n'))
