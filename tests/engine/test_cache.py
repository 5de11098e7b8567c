"""A build cache out of a registry: what one build left inline, another takes, though the engine forgot it."""

import uuid

import docker
import pytest
from support.contexts import context
from support.registries import Registry

from envbuild.engine.cache import ARGUMENT
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest


def forget(api: docker.APIClient, word: str) -> int:
    """Make the engine forget the steps whose command holds `word`, and no others; how many there were."""
    listed = api.df()["BuildCache"] or []
    ids = [each["ID"] for each in listed if word in each.get("Description", "")]
    for each in ids:
        response = api._post(api._url("/build/prune"), params={"filters": f'{{"id":["{each}"]}}', "all": "1"})
        response.raise_for_status()
    return len(ids)


@pytest.mark.registry
def test_steps_come_out_of_a_registry(
    engine: Engine, api: docker.APIClient, base_image: str, open_registry: Registry
) -> None:
    word = uuid.uuid4().hex
    tag = f"{open_registry.host}/cache/{word[:12]}:1"
    made = context(f"FROM {base_image}\nRUN echo {word} > /word && date +%s%N > /stamp\n")
    first = engine.build(made, BuildRequest(tags=(tag,), build_args={ARGUMENT: "1"}))
    engine.push(tag)
    try:
        assert forget(api, word) > 0
        api.remove_image(first.id, force=True)
        without = engine.build(made, BuildRequest())
        assert without.layers != first.layers  # the engine had really forgotten: the stamp is another
        assert forget(api, word) > 0
        api.remove_image(without.id, force=True)
        again = engine.build(made, BuildRequest(cache_from=(tag,)))
        assert again.layers == first.layers
        api.remove_image(again.id, force=True)
    finally:
        engine.remove(tag, force=True)
        forget(api, word)
