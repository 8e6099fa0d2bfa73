"""What a run's body lives through, in words: two worlds that differ in anything read differently.

A world is told in short, `Hopper-v5, trained under leg_loss (medium, train)`, and where others
that are read with it have the same words but other numbers, with these: `..., onset=drift`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from agents.challenge_choice import title
from agents.config_check import differing_keys, flat_items
from analysis.differences import in_brief
from envs.challenges import onset_name


class Circumstance(NamedTuple):
    """A part of a world: the body, its distractors, or challenges.

    Attributes:
        lead: How its title is introduced: `trained under `.
        title: What it is, in short; others of the same title may differ in their details.
        details: All its settings by dotted key, but for those that the title tells in full.
    """

    lead: str
    title: str
    details: Mapping[str, Any]


ONSET = "onset"
World = tuple[Circumstance, ...]


def world_of(config: Mapping[str, Any], record: Mapping[str, Any] | None) -> World:
    """Return what a body was trained in, and tested under if that is something else.

    Args:
        config: Of the run.
        record: Its evaluation.json; None if it was not evaluated.
    """
    trained = (config.get("challenge") or {}).get("parts") or None
    tested = trained if record is None else record.get("challenge")
    world = [Circumstance("", _body(config), {})]
    distractors = config.get("distractors") or {}
    if share := distractors.get("share"):
        told = f"{share:.0%} of the senses irrelevant"
        world.append(Circumstance("", told, dict(flat_items(distractors))))
    if trained:
        world.append(Circumstance("trained under ", title(trained), _details(trained)))
    if tested != trained:
        told = title(tested) or "nothing"
        world.append(Circumstance("tested under ", told, _details(tested or {})))
    return tuple(world)


def in_short(world: World) -> str:
    """Return a world in words, as far as they need no other to be told from."""
    return ", ".join(part.lead + part.title for part in world)


def told_apart(worlds: Sequence[World]) -> tuple[list[str], list[str]]:
    """Return worlds in words that are the same only where the worlds are.

    Args:
        worlds: All that are told together.

    Returns:
        The words for each, and a line about every difference that is too long for them.
    """
    namesakes: dict[str, list[Mapping[str, Any]]] = {}
    for part in (part for world in worlds for part in world):
        namesakes.setdefault(part.title, []).append(part.details)
    keys = {name: _differing(details) for name, details in namesakes.items()}
    told: list[str] = []
    notes: dict[str, None] = {}
    for world in worlds:
        words: list[str] = []
        for part in world:
            differences = [_told(part.details, key) for key in keys[part.title]]
            brief = in_brief(differences)
            words += [part.lead + part.title, *brief]
            if brief != differences:
                short, full = ", ".join([part.title, *brief]), ", ".join(differences)
                notes[f"{short} is short for {full}"] = None
        told.append(", ".join(words))
    return told, list(notes)


def _body(config: Mapping[str, Any]) -> str:
    options = config["env"].get("kwargs") or {}
    told = ", ".join(f"{key}={value}" for key, value in sorted(options.items()))
    return f"{config['env']['id']} ({told})" if told else str(config["env"]["id"])


def _details(parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of challenges, with a word for when each comes; one needs no name."""
    settings: dict[str, Any] = {}
    for name, part in parts.items():
        own = {key: value for key, value in part.items() if key != ONSET}
        settings.update(flat_items(own, f"{name}." if len(parts) > 1 else ""))
    onsets = [_onset(part[ONSET]) for part in parts.values()]
    together = len(set(onsets)) == 1
    return {**settings, ONSET: onsets[0] if together else " + ".join(onsets)}


def _onset(described: Mapping[str, Any]) -> str:
    """Return the name of a schedule, or its numbers if it has none."""
    numbers = {key: value for key, value in described.items() if key != "_target_"}
    told = ", ".join(
        f"{key} {_plain(value)}" for key, value in numbers.items() if value is not None
    )
    return onset_name(numbers) or f"({told})"


def _differing(details: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys at which any of these differ; when it comes is told before how."""
    keys = {key for own in details for key in differing_keys(details[0], own)}
    return sorted(keys, key=lambda key: (key != ONSET, key))


def _told(details: Mapping[str, Any], key: str) -> str:
    value = details.get(key)
    return f"{key}={'null' if value is None else _plain(value)}"


def _plain(value: Any) -> Any:
    """Return a value so that equal ones are written alike: 2.0 as 2."""
    if isinstance(value, list):
        return [_plain(each) for each in cast("list[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
