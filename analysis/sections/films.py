"""Films of the runs: small ones inside the page, others linked."""

import base64
import html
import os
from pathlib import Path
from urllib.parse import quote

from analysis.runs import Run
from analysis.sections.section import Context, Section

MEGABYTE = 1_000_000
TYPES = {".mp4": "video/mp4", ".webm": "video/webm"}


def films(context: Context) -> Section:
    """Show the newest film of each run, one of each brain and body first."""
    filmed = [
        (rank, group.env, group.label, run)
        for group in context.groups
        for rank, run in enumerate(run for run in group.runs if run.films)
    ]
    if not filmed:
        return Section("films", "Films", "no run has a film; evaluate.py video=true makes them")
    left = context.embed_bytes
    order = sorted(filmed, key=lambda told: (told[0], told[3].films[0].stat().st_size))
    shown: dict[int, str] = {}
    for _, env, label, run in order:
        size = run.films[0].stat().st_size
        shown[id(run)] = _film(context, env, label, run, inside=size <= left)
        left -= size if size <= left else 0
    body = "".join(shown[id(run)] for _, _, _, run in filmed)
    lead = (
        f"The newest film of each run. The page holds up to {context.embed_bytes / MEGABYTE:g} MB "
        "of films, the smallest first; others are links to where they lie beside this page, and "
        "break when it is moved."
    )
    return Section("films", "Films", lead, f'<div class="panels">{body}</div>')


def _film(context: Context, env: str, label: str, run: Run, *, inside: bool) -> str:
    path = run.films[0]
    size = path.stat().st_size / MEGABYTE
    weight = f"{size:.1f} MB" if size >= 1 else f"{1000 * size:.0f} kB"
    told = html.escape(f"seed {run.seed}, {path.stem.replace('_', ' ')}, {weight}")
    if inside:
        data = base64.b64encode(path.read_bytes()).decode()
        kind = TYPES[path.suffix]
        shown = (
            f'<video controls muted playsinline preload="metadata" '
            f'aria-label="{html.escape(f"film of {label} in {env}")}" '
            f'src="data:{kind};base64,{data}"></video>'
        )
    else:
        shown = f'<p class="link"><a href="{_relative(path, context.folder)}">open the film</a></p>'
    return (
        f'<figure class="panel {context.colours[label]}"><h3>{html.escape(env)}: '
        f'<span class="tag">{html.escape(label)}</span></h3>{shown}'
        f"<figcaption>{told}</figcaption></figure>"
    )


def _relative(path: Path, folder: Path) -> str:
    return html.escape(quote(Path(os.path.relpath(path, folder)).as_posix()))
