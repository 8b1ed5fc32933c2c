import { createHash } from 'node:crypto'
import { Html, html } from './html.ts'

/** How every page of this server looks: plain, readable in dark and light, no script, nothing fetched from anywhere. */
const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --quiet: #5a6575; --paper: #fcfcfb; --line: #dfe3e8; --soft: #f2f4f6; --accent: #1f5fa8; --on-accent: #fff; --wrong: #a3261c }
@media (prefers-color-scheme: dark) {
  :root { --ink: #dfe4ea; --quiet: #98a3b1; --paper: #14181d; --line: #2b323b; --soft: #1c2229; --accent: #86b7f2; --on-accent: #10151b; --wrong: #ff9a8c }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif }
main { max-width: 52rem; margin: 0 auto; padding: 3rem 1.25rem 5rem }
main.narrow { max-width: 27rem; padding-top: 12vh }
h1 { margin: 0 0 .5rem; font-size: 1.6rem; line-height: 1.25; font-weight: 600 }
h2 { margin: 3rem 0 .75rem; font-size: 1.15rem; font-weight: 600 }
h2::first-letter, nav li::first-letter { text-transform: uppercase }
p { margin: 0 0 1rem }
a { color: var(--accent) }
code, pre { font: .875em/1.5 ui-monospace, monospace }
pre { margin: 0 0 1rem; padding: .75rem 1rem; overflow-x: auto; background: var(--soft); border-radius: 6px }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
.quiet { color: var(--quiet) }
nav ul { display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: 1.5rem 0 0; padding: 0; list-style: none }
nav li { display: inline-block }
details { border-top: 1px solid var(--line) }
details:last-of-type { border-bottom: 1px solid var(--line) }
summary { padding: .55rem 0; cursor: pointer; overflow-wrap: anywhere }
summary span { display: block; color: var(--quiet); font-size: .9rem }
summary .method { display: inline-block; min-width: 4.2rem; color: var(--accent); font-size: inherit }
.body { padding: .25rem 0 1.25rem }
h3 { margin: 1.25rem 0 .25rem; font-size: .9rem; font-weight: 600 }
dl { margin: 0; font-size: .9rem }
dt { margin-top: .4rem; overflow-wrap: anywhere }
dd { margin: 0 0 0 1.25rem; color: var(--quiet) }
label { display: block; margin: 1.25rem 0 .3rem; font-weight: 500 }
input { width: 100%; padding: .55rem .7rem; color: inherit; background: var(--soft); border: 1px solid var(--line); border-radius: 6px; font: inherit }
input[aria-invalid] { border-color: var(--wrong) }
.hint { margin: .3rem 0 0; font-size: .875rem; color: var(--quiet) }
.wrong { color: var(--wrong) }
button { width: 100%; margin-top: 1.75rem; padding: .6rem 1rem; color: var(--on-accent); background: var(--accent); border: 0; border-radius: 6px; font: inherit; font-weight: 600; cursor: pointer }
`

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64')

export interface PageOptions {
  readonly status?: number
  /** Whether the page has a form that is sent to this server. */
  readonly form?: boolean
  /** A column for a few words and fields. */
  readonly narrow?: boolean
}

/**
 * A whole page. Its policy lets nothing run or load but this style sheet (SE-21), its address goes to nobody (one-time links hold a
 * secret), and it may not be framed or kept.
 */
export function htmlPage(title: string, content: Html, options: PageOptions = {}): Response {
  const { status = 200, form, narrow } = options
  const text = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main${narrow ? new Html(' class="narrow"') : ''}>
${content}
</main>
</body>
</html>
`
  return new Response(text.text, {
    status,
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': [
        "default-src 'none'",
        `style-src 'sha256-${STYLE_HASH}'`,
        `form-action ${form ? "'self'" : "'none'"}`,
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ].join('; '),
      'Referrer-Policy': 'no-referrer',
      'X-Content-Type-Options': 'nosniff',
      'X-Frame-Options': 'DENY',
      'Cache-Control': 'no-store',
    },
  })
}
