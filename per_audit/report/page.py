"""The frame of every HTML report: one page, nothing loaded from elsewhere, light and dark, for a screen or a phone."""

from __future__ import annotations

from html import escape

from per_audit.report.frame import printable

_STYLE = """
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --soft: #57606a; --rule: #d0d7de; --panel: #f6f8fa;
  --pass: #1a7f37; --fail: #c5221f; --warn: #8a5d00; --info: #0b62a8; --measured: #0b62a8; --expected: #c2410c; }
@media (prefers-color-scheme: dark) { :root { --page: #0d1117; --text: #e6edf3; --soft: #9da7b3; --rule: #30363d;
  --panel: #161b22; --pass: #4ac26b; --fail: #ff7b72; --warn: #e3b341; --info: #79c0ff; --measured: #79c0ff;
  --expected: #ffa657; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 68rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid var(--rule); padding-top: 1rem; }
.soft, dt { color: var(--soft); } dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: 0; }
dd { margin: 0; grid-column: 2; } dl, td.number { font-size: .9rem; }
.PASS { color: var(--pass); } .FAIL, .REGRESSION, .ERROR { color: var(--fail); } .INCONCLUSIVE { color: var(--warn); }
.NOT_PROVIDED { color: var(--info); } .verdict { font-weight: 600; white-space: nowrap; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; } th { text-align: left; color: var(--soft); }
th, td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th, td.check, td.number, td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem; }
figure { margin: 0; padding: .75rem; background: var(--panel); border: 1px solid var(--rule); border-radius: .5rem; }
figcaption { font-size: .9rem; } svg { display: block; width: 100%; height: auto; }
pre { background: var(--panel); padding: .75rem; overflow-x: auto; font-size: .85rem; }
.axis { fill: none; stroke: var(--soft); } .grid { stroke: var(--rule); }
.tick, .name { fill: var(--soft); font-size: 12px; }
.line { fill: none; stroke-width: 2; }
.line.measured { stroke: var(--measured); } .line.expected { stroke: var(--expected); }
.band { opacity: .18; } .band.measured { fill: var(--measured); } .band.expected { fill: var(--expected); }
.fill.measured { fill: var(--measured); } .fill.expected { fill: var(--expected); }
.key.measured { color: var(--measured); } .key.expected { color: var(--expected); }
@media (max-width: 40rem) { thead { display: none; } tr { display: grid; grid-template-columns: 1fr max-content;
  padding: .6rem 0; border-bottom: 1px solid var(--rule); } td { border: 0; padding: 0; }
  td.number, td.found { grid-column: 1 / -1; } td.number { white-space: normal; } td.time { display: none; }
  .arms thead { display: table-header-group; } .arms tr { display: table-row; }
  .arms th, .arms td { padding: .35rem .6rem .35rem 0; border-bottom: 1px solid var(--rule); }
  .arms td.check { white-space: normal; } }
"""


def page(title: str, heading: str, said: str, body: str) -> str:
    """The page as text, ending in a newline. All but `title` is HTML already."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # An icon that is empty, or the browser asks for one.
        '<link rel="icon" href="data:,">\n'
        f"<title>{text_of(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f'<h1>{heading}</h1>\n<p class="soft">{said}</p>\n{body}</body>\n</html>\n'
    )


def text_of(text: str) -> str:
    """`text` without a meaning in HTML."""
    return escape(printable(text))
