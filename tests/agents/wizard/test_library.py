"""A library out of its files: what counts, and what is refused, with file and line."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollcall.agents import yaml_text
from rollcall.agents.wizard.library import MAX_BYTES, SHIPPED, Source, library_of, sources
from rollcall.agents.wizard.models import Library, Origin
from rollcall.conversations.providers import DEFAULTS
from rollcall.kernel.errors import InvalidInput
from support.trades import SHELF

BAKERY = (SHELF / "industries" / "bakery.yaml").read_text()


def loaded(operators: Path) -> Library:
    return library_of([*sources(SHELF, Origin.SHIPPED), *sources(operators, Origin.OPERATOR)])


def put(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_what_an_operator_says_of_a_key_replaces_all_that_was_said(tmp_path: Path) -> None:
    put(tmp_path, "industries/bakery.yaml", BAKERY.replace("label: Bakery", "label: Backstube"))
    put(tmp_path, "industries/florist.yaml", BAKERY.replace("label: Bakery", "label: Florist"))
    put(tmp_path, "industries/garage.yaml", "enabled: false\n")
    put(
        tmp_path,
        "models.yaml",
        "openai:gpt-6-luna: {enabled: false, label: Luna}\n"
        "openai-compatible:qwen3:8b: {label: Ours}\n",
    )
    put(tmp_path, ".models.yaml", "x")
    put(tmp_path, "README.md", "x")

    library = loaded(tmp_path)

    labels = {key: one.label for key, one in library.industries.items()}
    assert labels == {"bakery": "Backstube", "florist": "Florist"}
    assert list(library.models) == [
        "anthropic:claude-haiku-5-5",
        "ollama:llama3.2",
        "openai:of-no-list",
        "openai-compatible:qwen3:8b",
    ]
    counted = {(one.origin.value, one.name): list(one.keys) for one in library.files}
    assert counted["shipped", "industries/bakery.yaml"] == []
    assert counted["operator", "industries/bakery.yaml"] == ["bakery"]
    assert counted["operator", "industries/garage.yaml"] == []
    assert counted["operator", "models.yaml"] == ["openai-compatible:qwen3:8b"]
    assert counted["shipped", "interfaces.yaml"] == ["webchat", "whatsapp"]


def test_a_revision_is_of_the_content_alone(tmp_path: Path) -> None:
    shutil.copytree(SHELF, tmp_path / "other")
    one = library_of(sources(SHELF, Origin.SHIPPED))
    assert library_of(sources(tmp_path / "other", Origin.SHIPPED)).revision == one.revision
    put(tmp_path, "other/industries/bakery.yaml", BAKERY + "\n")
    assert library_of(sources(tmp_path / "other", Origin.SHIPPED)).revision != one.revision


LONG = f"  - see {'{{business_domain}}' * 100}\n"
BOMB = "a0: &a0 [x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("industries/x.yaml", BAKERY + "colour: red\n", "x.yaml:20: colour: is no field here"),
        ("industries/x.yaml", BAKERY + "label: again\n", "x.yaml:20: 'label' is there twice"),
        (
            "industries/x.yaml",
            BAKERY.replace("icon: bread-slice", "icon: 7"),
            "x.yaml:2: icon: expected str, got int",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("icon: bread-slice\n", ""),
            "x.yaml:1: icon is missing",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("    agent: I ask", "    answer: I ask"),
            "x.yaml:18: examples.0.answer: is no field here",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("rules:\n  - Say", "rules:\n  - [Say]\n  - Say"),
            "x.yaml:10: rules.0: expected str, got array",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("Welcome to {{business_name}}", "Welcome to {{name}}"),
            "x.yaml:19: greeting: {{name}} is no variable: there are business_name",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("Warm and brief.", '"{{business_name}"'),
            "tone: has {{ that is no {{variable}}",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("Warm and brief.", '"As {{größe}}"'),
            "tone: has {{ that is no {{variable}}",
        ),
        ("industries/x.yaml", "enabled: false\ncolour: red\n", "x.yaml:2: colour: is no field"),
        ("industries/x.yaml", BAKERY + "---\na: b\n", "x.yaml:21: must be one document"),
        ("industries/x.yaml", "", "x.yaml: holds nothing"),
        ("industries/x.yaml", "- a\n", "x.yaml:1: must be a mapping"),
        ("industries/x.yaml", "label: [\n", "is no YAML"),
        ("industries/x.yaml", "a: " + "[" * 50_000, "is nested more than"),
        ("industries/x.yaml", BOMB, "holds more than"),
        ("industries/x.yaml", b"#" * (MAX_BYTES + 1), "at most 262,144 bytes"),
        ("industries/x.yaml", b"label: \xff", "is not UTF-8 from byte 7"),
        ("industries/X Y.yaml", BAKERY, "must be named by"),
        ("industries/x.yml", BAKERY, "is no file of a library"),
        ("industries/deep/x.yaml", BAKERY, "is no file of a library"),
        ("model.yaml", "", "is no file of a library"),
        ("models.yaml", "gpt: {label: x}\n", "models.yaml:1: gpt: 'gpt' is not a model"),
        ("models.yaml", "\na:b: {label: ''}\n", "models.yaml:2: a:b.label: expected str of length"),
        (
            "interfaces.yaml",
            "whatsapp: {label: W}\n",
            "interfaces.yaml:1: whatsapp: limits is missing",
        ),
        (
            "interfaces.yaml",
            "whatsapp:\n  label: W\n  limits: {message_characters: 0}\n  writing: [x]\n",
            "interfaces.yaml:3: whatsapp.limits.message_characters: expected int >= 1",
        ),
        # Nobody could name it: a definition knows these two.
        (
            "interfaces.yaml",
            "\nsms: {label: SMS, limits: {message_characters: 160}, writing: [x]}\n",
            "interfaces.yaml:2: sms: 'sms' is not one of webchat, whatsapp",
        ),
        (
            "industries/x.yaml",
            BAKERY.replace("rules:\n", "rules:\n" + LONG * 39, 1),
            "makes a prompt of",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_file_and_line(
    tmp_path: Path, name: str, text: str | bytes, said: str
) -> None:
    put(tmp_path, name, text)
    with pytest.raises(InvalidInput) as caught:
        loaded(tmp_path)
    assert said in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nowhere: No such file"):
        loaded(tmp_path / "nowhere")


@given(st.text(alphabet="abc:- \n[]{}&*!|>'\"#?,%@0.\t", max_size=60), st.sampled_from(Origin))
def test_whatever_is_in_a_file_it_is_taken_or_refused(text: str, origin: Origin) -> None:
    for name in ("models.yaml", "interfaces.yaml", "industries/x.yaml"):
        with contextlib.suppress(InvalidInput):
            library_of([Source(name, origin, name, text)])


def test_what_ships_can_be_loaded_and_names_each_model_that_settings_choose() -> None:
    library = library_of(sources(SHIPPED, Origin.SHIPPED))
    assert len(library.industries) == 12
    assert list(library.interfaces) == ["webchat", "whatsapp"]
    assert {f"{provider}:{model}" for provider, model in DEFAULTS.items()} <= set(library.models)


def test_what_ships_is_the_same_read_quickly_or_carefully() -> None:
    for one in sources(SHIPPED, Origin.SHIPPED):
        assert yaml_text.read("x", one.text, ours=True) == yaml_text.read("x", one.text)
