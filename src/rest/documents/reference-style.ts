/** Of the reference page; dark where the reader's system is. */
export const referenceStyle = `
:root { color-scheme: light dark; --edge: #8884; --soft: #8881; --quiet: #777; --link: light-dark(#0b57d0, #8ab4f8) }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; display: grid; grid-template-columns: 15rem minmax(0, 1fr) }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--edge) }
nav ul { list-style: none; padding-left: .75rem; margin: 0 }
main { padding: 1rem 2rem 4rem; max-width: 70rem }
a { color: var(--link); text-decoration: none }
a:hover, a:focus-visible { text-decoration: underline }
h2 { margin-top: 3rem; border-bottom: 1px solid var(--edge) }
h3 { margin: 1.5rem 0 .5rem }
h4 { margin: .75rem 0 .25rem }
code { font: .9em ui-monospace, monospace; background: var(--soft); padding: 0 .2em; border-radius: 3px; overflow-wrap: anywhere }
details.operation { border: 1px solid var(--edge); border-radius: 6px; margin: .4rem 0; padding: 0 .75rem }
details[open] { padding-bottom: .75rem }
summary { padding: .5rem 0; cursor: pointer }
.method { display: inline-block; min-width: 4.2rem; font-weight: 600 }
.get { color: light-dark(#1a7f37, #4ac26b) }
.post { color: light-dark(#0b57d0, #8ab4f8) }
.put, .patch { color: light-dark(#9a6700, #d4a72c) }
.delete { color: light-dark(#cf222e, #ff8182) }
.right { float: right; color: var(--quiet); font-size: .85em }
.limit { color: var(--quiet); font-size: .85em }
.members { padding-left: 1.25rem; margin: .25rem 0 }
.answer { margin: .25rem 0 }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--edge); vertical-align: top }
@media (max-width: 50rem) { body { display: block } nav { position: static; height: auto } .right { float: none } }
`
