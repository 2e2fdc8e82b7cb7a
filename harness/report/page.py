"""A page of HTML that stands by itself: style within it, no script, nothing from elsewhere.

It is well-formed XML too. It is for screens light and dark, and for paper.
"""

from collections.abc import Iterable
from html import escape

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""

_VOID = {"br", "col"}
"""Elements that have no end in HTML."""

_STYLE = """\
:root { --ink: #1c1f23; --paper: #fff; --dim: #667; --rule: #d5d8de; --band: #f2f4f7;
  --once: #009e73; --later: #56b4e9; --recorded: #e69f00; --waits: #cc79a7; --failed: #d55e00;
  --real: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6ea; --paper: #14171b; --dim: #98a0ac; --rule: #363c45; --band: #1f242b;
    --real: #4aa8e0; } }
@media print { :root { --ink: #000; --paper: #fff; --dim: #444; --rule: #bbb; --band: #f2f2f2; }
  * { -webkit-print-color-adjust: exact; print-color-adjust: exact; } }
body { color: var(--ink); background: var(--paper); margin: 1.5rem auto; padding: 0 1rem;
  max-width: 88rem; font: 14px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.35rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .4rem; }
p { margin: .25rem 0; } a { color: inherit; }
code, td, .mono { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.dim { color: var(--dim); } .pass { color: var(--once); } .fail { color: var(--failed); }
.verdict { font-weight: 700; }
table { border-collapse: collapse; } th { font-weight: 600; text-align: left; }
"""


def page(title: str, style: str, body: Iterable[str]) -> str:
    """Put a page together. The title is plain text, the style sheet and the body are as they are.

    The style names its colours by the variables that are set here, such as `var(--ink)`.
    """
    return _PAGE.format(title=escape(title), style=_STYLE + style, body="\n".join(body))


def element(name: str, text: str = "", **attributes: str | float | None) -> str:
    """An element with plain text in it; see `tag`."""
    return tag(name, escape(text), **attributes)


def tag(name: str, content: str = "", **attributes: str | float | None) -> str:
    """An element with what is given, markup, in it.

    An attribute that is a word of Python has an underscore behind it; one within is a hyphen, and
    None leaves it out. Numbers have one decimal place at the most.
    """
    words = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{words}/>" if name in _VOID else f"<{name}{words}>{content}</{name}>"


def _value(value: str | float) -> str:
    return escape(value) if isinstance(value, str) else f"{round(value, 1):g}"
