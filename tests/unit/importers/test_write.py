"""Whatever a draft holds, its text loads, and says what the draft says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.importers.finish import finish
from envbuild.importers.model import Draft, Entry, Finding, Wishes
from envbuild.importers.write import remark, spec_text
from envbuild.spec.parse import parse_spec

if TYPE_CHECKING:
    from envbuild.spec.model import Spec

HERE = Path(__file__).parent

texts = st.text(max_size=40) | st.sampled_from(
    [
        "numpy>=1,<2",
        "a: b",
        "#x",
        "- x",
        "\u2028x",
        "\x85",
        "'",
        '"',
        "{{ 1 }}",
        "{% raw %}",
        "null",
        "~",
        "\ud800",
    ]
)
entries = st.lists(
    st.builds(Entry, text=texts, comment=texts, above=st.lists(texts, max_size=2).map(tuple), file=texts),
    max_size=4,
).map(tuple)
names = st.lists(texts, max_size=3).map(tuple)
drafts = st.builds(
    Draft,
    format=texts,
    name=texts,
    python=texts,
    base=texts,
    cuda=texts | st.just("12.8"),
    cuda_flavour=texts | st.just("devel"),
    cuda_os=texts | st.just("ubuntu24.04"),
    cudnn=st.none() | st.booleans(),
    targets=names,
    apt=entries,
    channels=entries,
    priority=texts | st.just("flexible"),
    conda=entries,
    pip=entries,
    index_url=texts | st.just("https://example.org/simple"),
    extra_index_urls=names,
    torch_backend=texts | st.just("cu128"),
    env=st.lists(st.tuples(texts | st.just("A"), texts), max_size=3).map(tuple),
    run=entries,
    user=texts,
    workdir=texts | st.just("/w"),
    entrypoint=names,
    cmd=names,
    imports=names,
    head=names,
    findings=st.lists(
        st.builds(
            Finding, kind=st.sampled_from(["left", "changed", "note"]), file=texts, key=texts, what=texts
        ),
        max_size=3,
    ).map(tuple),
)


def loaded(draft: Draft) -> Spec:
    return parse_spec(spec_text(draft).encode(), HERE / "spec.yml")


@given(drafts)
@settings(deadline=None, max_examples=150)
def test_every_finished_draft_loads_and_says_the_same(draft: Draft) -> None:
    done = finish(draft, HERE, Wishes())
    spec = loaded(done)
    assert spec.name == done.name
    assert spec.python == done.python
    assert [one.text for one in spec.pip.requirements] == [entry.text for entry in done.pip]
    assert spec.apt == tuple(entry.text for entry in done.apt)
    assert list(spec.run) == [entry.text for entry in done.run]
    assert spec.env == done.env
    packages = spec.conda.packages if spec.conda else ()
    assert list(packages) == [entry.text for entry in done.conda]


def test_the_whole_text() -> None:
    draft = Draft(
        format="environment.yml",
        name="dl",
        python="3.12",
        cuda="12.8",
        cudnn=True,
        channels=(Entry(text="conda-forge"),),
        conda=(Entry(text="numpy", comment="arrays", above=("the basics", "of all")),),
        pip=(Entry(text="rich"),),
        torch_backend="cu128",
        env=(("HF_HOME", "/cache"),),
        run=(Entry(text="echo one\necho two", above=("steps",)),),
        head=("Deep learning", "", "see README"),
        findings=(
            Finding(
                kind="left", file="/home/jane/environment.yml", line=3, key="prefix", what="is not carried"
            ),
            Finding(kind="changed", file="environment.yml", what="is mended", todo="look"),
            Finding(kind="note", file="environment.yml", what="is not in the text"),
        ),
    )
    assert (
        spec_text(finish(draft, HERE, Wishes()))
        == """\
# From environment.yml, by `envbuild import`. All keys: docs/spec.md, or `envbuild schema`.
# 1 thing could not be carried over and 1 is written in another way: see the end.
# Deep learning
#
# see README
name: dl
python: 3.12
cuda:
  version: 12.8
  cudnn: true

conda:
  channels:
    - conda-forge
  packages:
    # the basics
    # of all
    - numpy  # arrays

pip:
  torch_backend: cu128
  packages:
    - rich

env:
  HF_HOME: /cache

run:
  # steps
  - |-
    echo one
    echo two

# Not carried over:
#   - environment.yml:3: prefix: is not carried

# Written in another way:
#   - environment.yml: is mended; look
"""
    )


def test_remark() -> None:
    assert remark("a\nb\u2028c\x00", "#") == "# a b c"
    assert remark("", "#") == "#"
    assert remark("x" * 400) == "x" * 299 + "…"
    assert remark("https://jane:hunter2@example.org") == "https://***@example.org"
