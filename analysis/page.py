"""The page that holds the sections: style and script are inside, nothing is fetched."""

import html
from collections.abc import Sequence
from importlib.resources import files

from analysis.figures.palette import DARK, LIGHT, Colours
from analysis.sections.section import Section

DEFINITIONS = "https://arxiv.org/abs/2108.13264"


def page(title: str, sections: Sequence[Section], colours: Colours) -> str:
    """Return a whole HTML document.

    Args:
        title: Of the document.
        sections: In their order.
        colours: Of the brains.
    """
    links = "".join(
        f'<a href="#{section.name}">{html.escape(section.title)}</a>' for section in sections
    )
    body = "".join(map(_section, sections))
    style = (
        _asset("page.css")
        + f":root{{--ground:{LIGHT}}}{colours.css(LIGHT)}"
        + f"@media (prefers-color-scheme:dark){{:root{{--ground:{DARK}}}{colours.css(DARK)}}}"
    )
    return (
        '<!doctype html><html lang="en-GB"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{html.escape(title)}</title><style>{style}</style></head><body>"
        f"<header><h1>{html.escape(title)}</h1><nav>{links}</nav></header><main>{body}</main>"
        "<footer><p>Made by Wetware from run folders alone. Interquartile means, stratified "
        "bootstrap, performance profiles and probability of improvement as defined by "
        f'<a href="{DEFINITIONS}">Agarwal et al. 2021</a>; 2,000 bootstrap samples, seeded.</p>'
        f"</footer><script>{_asset('page.js')}</script></body></html>\n"
    )


def _section(section: Section) -> str:
    lead = f'<p class="lead">{html.escape(section.lead)}</p>' if section.lead else ""
    return (
        f'<section id="{section.name}"><h2>{html.escape(section.title)}</h2>{lead}'
        f"{section.body}</section>"
    )


def _asset(name: str) -> str:
    return (files("analysis") / "assets" / name).read_text(encoding="utf-8")
