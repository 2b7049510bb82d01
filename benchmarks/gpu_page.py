"""Write what the short measurement on a GPU has found into a page, between two marks."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core.runtime.atomic_files import write_bytes

BEGIN, END = "<!-- on_a_gpu: begin -->", "<!-- on_a_gpu: end -->"


def write_page(out: Path, page: Path, titles: Mapping[str, str]) -> None:
    """Replace what stands between the marks of a page; without marks, add a section at its end.

    Args:
        out: The folder of the results, one JSON file for each part.
        page: A Markdown page.
        titles: What each part measures, by name, in the order of the page.
    """
    section = "\n".join([BEGIN, *_section(out, titles), END])
    text = page.read_text()
    if BEGIN in text:
        head, rest = text.split(BEGIN, 1)
        text = head + section + rest.split(END, 1)[1]
    else:
        text = f"{text.rstrip()}\n\n## A short measurement on a GPU\n\n{section}\n"
    write_bytes(page, text.encode())


def _section(out: Path, titles: Mapping[str, str]) -> Iterator[str]:
    found = {name: json.loads((out / f"{name}.json").read_text()) for name in titles if (out / f"{name}.json").exists()}
    missing = [title for name, title in titles.items() if name not in found]
    yield "`benchmarks/on_a_gpu.sh DATA OUT`; test accuracy in %, one seed."
    for (scale, device), parts in _by_machine(found).items():
        yield f"\nScale {scale}, {device}:\n"
        yield "| part | result |\n| --- | --- |"
        for name in parts:
            yield f"| {titles[name]} | {_result(found[name])} |"
    if missing:
        yield f"\nNot measured yet: {'; '.join(missing)}."


def _by_machine(found: Mapping[str, Mapping[str, Any]]) -> dict[tuple[str, str], list[str]]:
    grouped: dict[tuple[str, str], list[str]] = {}
    for name, result in found.items():
        grouped.setdefault((result["scale"], result["device"]), []).append(name)
    return grouped


def _result(result: Mapping[str, Any]) -> str:
    images = f"{result['train_images']:,} training and {result['test_images']:,} test images"
    noises = [f"{name}: noise in {seconds} s" for name, seconds in result["noise_seconds"].items()]
    learners = [
        f"{name}: {accuracy} (learner {result['learner_seconds'][name]} s)"
        for name, accuracy in result["accuracy"].items()
    ]
    unseen = [
        f"{noise}: {accuracies['0']} in standard training, {accuracies['4']} at 4/255"
        for noise, accuracies in (result["unseen"] or {}).items()
    ]
    return "; ".join([images, *noises, *learners, *unseen])
