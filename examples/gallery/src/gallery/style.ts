/** How the pages look. */
export const style = `
:root { color-scheme: light dark; --ink: #1c1f26; --soft: #6b7280; --paper: #f7f6f3; --card: #fff }
@media (prefers-color-scheme: dark) { :root { --ink: #e9e7e2; --soft: #9aa0ab; --paper: #15171c; --card: #1f2229 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem clamp(1rem, 4vw, 3rem); max-width: 88rem;
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
header { margin-bottom: 1.75rem }
header a { color: var(--soft); text-decoration: none; font-size: .85rem; letter-spacing: .04em }
h1 { margin: .1rem 0 0; font-size: 2rem; line-height: 1.2; font-weight: 650; letter-spacing: -.02em }
p { margin: .2rem 0 0; color: var(--soft) }
a { color: inherit }
.grid { display: grid; gap: 1.25rem; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)) }
.wide { grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)) }
.card { display: grid; grid-template-columns: 1fr auto; align-items: baseline; overflow: hidden;
  border-radius: .6rem; background: var(--card); text-decoration: none; box-shadow: 0 1px 3px #0002 }
.card:hover { box-shadow: 0 4px 16px #0003 }
.card img { grid-column: 1 / -1; width: 100%; height: auto; aspect-ratio: 3 / 2; object-fit: cover; display: block }
.card strong, .card span { padding: .6rem .8rem .7rem; font-size: .9rem; font-weight: 600;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
.card span { padding-left: 0; color: var(--soft); font-weight: 400; font-variant-numeric: tabular-nums }
main:not(.wide) .card strong { grid-column: 1 / -1; padding-bottom: 0 }
main:not(.wide) .card span { grid-column: 1 / -1; padding: 0 .8rem .7rem }
.photo { max-width: 60rem }
.photo img { width: 100%; height: auto; border-radius: .6rem; display: block }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.5rem; margin: 1.25rem 0 }
dt { color: var(--soft) }
dd { margin: 0 }
`
