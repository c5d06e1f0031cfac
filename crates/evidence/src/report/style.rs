// SPDX-License-Identifier: MIT OR Apache-2.0
//! The page's style sheet. Colours are variables, so that drawings follow the
//! page; what a colour says is also said in words.

pub(super) const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fbfbfa;--fg:#1d2126;--dim:#5c6670;--line:#d9dde1;--card:#fff;
--ok:#146b3e;--okbg:#e3f4ea;--exp:#8a5a00;--expbg:#fdf1d8;--bad:#b3261e;--badbg:#fbe3e1;
--inc:#56616b;--incbg:#eceff1;--har:#6b3fa0;--harbg:#efe7f8;--a:#0b5cad;
--write:#c2410c;--read:#0b6bcb;--hold:#9aa3ab;--journal:#7c3aed;--leaf:#0f766e;--fill:#b91c7c}
@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e3e6e9;--dim:#9aa5af;--line:#31373d;
--card:#1b1f23;--ok:#6fd39b;--okbg:#16301f;--exp:#e9b95a;--expbg:#33280f;--bad:#ff8f86;
--badbg:#431a18;--inc:#a9b3bc;--incbg:#262b30;--har:#c5a3f0;--harbg:#2c2239;--a:#79b8ff;
--write:#fb923c;--read:#60a5fa;--hold:#79828a;--journal:#b794f6;--leaf:#5eead4;--fill:#f472b6}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
main{max-width:1180px;margin:0 auto;padding:1rem}
h1{font-size:1.6rem;margin:.4rem 0}h2{font-size:1.25rem;margin:2rem 0 .6rem;
border-bottom:1px solid var(--line);padding-bottom:.2rem}
h3{font-size:1.05rem;margin:1.4rem 0 .3rem}h4{font-size:.95rem;margin:1rem 0 .3rem}
p{margin:.4rem 0}a{color:var(--a)}
code,pre{font-family:ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace;
font-size:.85em;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.7rem;
overflow-x:auto;overflow-wrap:normal;max-height:24rem}
.lead{color:var(--dim)}
nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;margin:.8rem 0}
.claim{margin:.6rem 0}.claim li{margin:.25rem 0}
.scroll{overflow-x:auto;-webkit-overflow-scrolling:touch;margin:.8rem 0}
.scroll .plot{min-width:35rem}
table{border-collapse:collapse;font-size:.92rem;min-width:100%}
th,td{border:1px solid var(--line);padding:.35rem .6rem;text-align:left;vertical-align:top}
thead th{background:var(--card)}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.matrix th:first-child{position:sticky;left:0;background:var(--card)}
.matrix td a{color:inherit;text-decoration:none;display:block}
.matrix td a:hover{text-decoration:underline}
.v-ok{color:var(--ok);background:var(--okbg)}.v-expected{color:var(--exp);background:var(--expbg)}
.v-contradiction{color:var(--bad);background:var(--badbg);font-weight:700}
.v-inconclusive{color:var(--inc);background:var(--incbg)}
.v-harness{color:var(--har);background:var(--harbg)}.v-none{color:var(--dim)}
.legend{list-style:none;padding:0;margin:.8rem 0;font-size:.88rem}
.legend li{margin:.25rem 0}
.legend span,summary span{border-radius:4px;padding:.05rem .4rem;font-size:.9em}
.words{font-size:.88rem;color:var(--dim)}
caption{text-align:left;color:var(--dim);font-size:.88rem;padding:.2rem 0}
details{background:var(--card);border:1px solid var(--line);border-radius:8px;margin:.4rem 0;
padding:.15rem .8rem;content-visibility:auto;contain-intrinsic-size:auto 2.6rem}
details[open]{padding-bottom:.8rem}.case{scroll-margin-top:4rem}details:has(>.case:target){outline:2px solid var(--a)}
.scroll:focus-visible,pre:focus-visible,a:focus-visible,summary:focus-visible{outline:2px solid var(--a);outline-offset:2px}
summary{cursor:pointer;padding:.35rem 0}summary small{color:var(--dim)}summary h3{display:inline}
ul{padding-left:1.3rem;margin:.3rem 0}li{overflow-wrap:anywhere}
.proofs{list-style:none;padding:0}.proofs li{padding:.1rem 0 .3rem 1.5rem;position:relative}
.proofs li:before{position:absolute;left:.2rem;content:'✓';color:var(--ok)}
.proofs .closed:before{content:'✗';color:var(--bad)}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;font-size:.9rem}
.facts dt{color:var(--dim)}.facts dd{margin:0;overflow-wrap:anywhere}
.focus{color:var(--dim);font-size:.88rem}
svg{display:block;max-width:none}
svg text{fill:var(--fg);font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}
svg .t-head,svg .t-time{fill:var(--dim);font-variant-numeric:tabular-nums}
svg .t-lane{stroke:var(--line)}
svg .t-cut-band{fill:var(--badbg)}
svg .t-held{fill:none;stroke:var(--fg);stroke-dasharray:2 2}
svg .t-torn{stroke:var(--bad);stroke-width:2;fill:none}
svg .t-step{fill:var(--fg);font-weight:600}svg .t-note,svg .t-skipped{fill:var(--dim)}
svg .t-skipped{font-style:italic}svg .t-proof,svg .t-verdict{fill:var(--ok)}
svg .t-write{fill:var(--write)}svg .t-read{fill:var(--read)}svg .t-hold{fill:var(--dim)}
svg .t-journal{fill:var(--journal)}svg .t-leaf{fill:var(--leaf)}svg .t-fill{fill:var(--fill)}
svg .t-inferred{fill:var(--hold)}svg text.t-inferred{fill:var(--dim);font-style:italic}svg .t-cut,svg .t-bad{fill:var(--bad);
font-weight:600}
@media(max-width:640px){body{font-size:15px}main{padding:.7rem}h1{font-size:1.35rem}
.facts{grid-template-columns:1fr}.facts dd{margin-bottom:.35rem}table{font-size:.85rem}
th,td{padding:.3rem .45rem}}
@media print{details{break-inside:avoid}nav{display:none}}
";
