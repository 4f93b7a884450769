import { darkVariables, lightVariables } from './plot-colours.ts'

/** Of the page of a report, light or dark as the reader's system is. */
export const pageStyle = `:root { color-scheme: light dark; ${lightVariables}; --met: #00704a; --missed: #b03a00; --band: #f3f4f6 }
@media (prefers-color-scheme: dark) {
  :root { ${darkVariables}; --met: #4cc993; --missed: #ff8a5c; --band: #22252b }
}
* { box-sizing: border-box }
body { font: 15px/1.45 system-ui, sans-serif; max-width: 92rem; margin: 2rem auto; padding: 0 1rem; color: var(--text); background: var(--background) }
h1 { margin: 0 0 .3rem; font-size: 1.6rem }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem }
p { margin: .3rem 0 }
.lead { font-size: 1.15rem }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr)); gap: 1rem }
figure { margin: 0; border: 1px solid var(--grid); border-radius: 8px; overflow: hidden }
svg { display: block; width: 100%; height: auto }
.box { overflow-x: auto }
table { border-collapse: collapse }
.wide { width: 100% }
td, th { padding: .3rem .6rem; border-bottom: 1px solid var(--grid); text-align: right; vertical-align: top; white-space: nowrap; font-variant-numeric: tabular-nums }
th { font-weight: 600; vertical-align: bottom }
td:first-child, th:first-child, .about td { text-align: left }
td:first-child { white-space: normal; min-width: 15rem }
.wide td:first-child, .wide th:first-child { position: sticky; left: 0; background: var(--background) }
.about td, .about th { white-space: normal; border: 0; padding: .1rem .8rem .1rem 0; min-width: 0 }
.about th { color: var(--faint); font-weight: 400; vertical-align: top; white-space: nowrap }
small { display: block; color: var(--faint); white-space: normal }
.met { color: var(--met) }
.missed { color: var(--missed) }
.bar { display: inline-block; position: relative; width: 9rem; height: .7rem; background: var(--band); border-radius: 2px; vertical-align: middle }
.bar i { position: absolute; inset: 0 auto 0 0; background: currentColor; border-radius: 2px }
.bar b { position: absolute; left: 50%; top: -.25rem; bottom: -.25rem; width: 2px; background: var(--text) }
@media (max-width: 40rem) { .wide td:first-child, .wide th:first-child { position: static } }
`
