"""How a report's page looks, in light and in dark."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2330; --faint: #667085; --line: #d5dae3;
  --paper: #fff; --panel: #f6f7f9; --measured: #2e9e5b; --sent: #2563c9; --requested: #e08a1e;
  --good: #1d8a4c; --bad: #c0362c; --person: #8b5cd6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --faint: #98a1b2; --line: #3a4150;
  --paper: #14171d; --panel: #1d222b; --measured: #4cc47d; --sent: #6ea2ff; --requested: #f0ac55;
  --good: #3fb873; --bad: #f0756b; --person: #b795f5; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1040px; padding: 24px 20px 60px; background: var(--paper);
  color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 8px; } h2 { font-size: 17px; margin: 32px 0 8px; }
h3 { font-size: 14px; margin: 12px 0 4px; color: var(--faint); font-weight: 600; }
.badge { display: inline-block; margin: 0 0 12px; padding: 3px 12px; border-radius: 12px;
  color: #fff; background: var(--faint); font-weight: 600; }
.badge.success { background: #1d8a4c; } .badge.failure, .badge.aborted { background: #c0362c; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 8px 20px;
  margin: 0 0 12px; padding: 12px 14px; background: var(--panel); border-radius: 8px; }
dt { color: var(--faint); font-size: 12px; } dd { margin: 0; overflow-wrap: anywhere; }
.finding { margin: 4px 0; padding: 4px 10px; border-left: 3px solid var(--line); }
.finding.problem, .finding.flaw { border-color: var(--bad); }
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px system-ui, sans-serif; fill: var(--faint); }
svg .y { text-anchor: end; } svg .x { text-anchor: middle; }
svg .lane { fill: var(--ink); } svg .inside { fill: #fff; } svg .mark { fill: var(--ink); }
svg .before { text-anchor: end; }
svg rect { fill: var(--faint); } svg .frame { fill: none; stroke: var(--line); }
svg .band { fill: var(--person); opacity: .18; }
svg .policy, svg .running { fill: #2563c9; } svg .teleop, svg .intervention { fill: #7c4dcc; }
svg .replay { fill: #0f7f8c; } svg .homing, svg .hold, svg .holding { fill: #7a8496; }
svg .stopped { fill: #c0362c; } svg .idle { fill: #a9b1c0; }
svg .chunk { stroke: var(--sent); } svg .loud { stroke: var(--bad); stroke-width: 2; }
svg .quiet { stroke: var(--good); stroke-width: 2; }
polyline { fill: none; stroke-width: 1.3; stroke-linejoin: round; }
polyline.measured { stroke: var(--measured); } polyline.sent { stroke: var(--sent); }
polyline.requested { stroke: var(--requested); stroke-width: 2.4; opacity: .55; }
.legend span { font-weight: 600; } .legend .measured { color: var(--measured); }
.legend .sent { color: var(--sent); } .legend .requested { color: var(--requested); }
.plots { display: grid; gap: 4px 24px;
  grid-template-columns: repeat(auto-fill, minmax(380px, 1fr)); }
figure { margin: 0; } figcaption { color: var(--faint); font-size: 12px; }
figcaption b { color: var(--ink); }
.sheet { display: grid; grid-template-columns: repeat(4, 1fr); gap: 6px; }
.sheet img { display: block; width: 100%; border-radius: 4px; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: 13px; }
th, td { padding: 2px 14px 2px 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); } th { color: var(--faint); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
pre { overflow-x: auto; padding: 10px; background: var(--panel); border-radius: 8px; }
"""
