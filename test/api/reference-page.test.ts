import { expect, test } from 'bun:test'
import { createHash } from 'node:crypto'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import { operationIdOf } from '../../src/api/contract/grouping.ts'
import { Html, html } from '../../src/api/html.ts'
import { htmlPage } from '../../src/api/html-page.ts'
import { referencePage } from '../../src/api/reference-page.ts'

const styleOf = (text: string) => /<style>([\s\S]*?)<\/style>/.exec(text)?.[1] ?? ''

test('the reference has every endpoint, and every heading of its contents', async () => {
  const text = await referencePage().text()
  for (const endpoint of Object.keys(CONTRACT) as Endpoint[]) {
    expect(text).toContain(`id="${operationIdOf(endpoint)}"`)
  }
  const links = [...text.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id)
  expect(links.length).toBeGreaterThan(5)
  expect(links.filter((id) => !text.includes(`<section id="${id}">`))).toEqual([])
  const ids = [...text.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id)
  expect(new Set(ids).size).toBe(ids.length)
})

test('nothing on a page can run, load or be sent anywhere, and its style sheet is the one it may have', async () => {
  const response = referencePage()
  const policy = response.headers.get('Content-Security-Policy') ?? ''
  expect(policy.split('; ')).toContain("default-src 'none'")
  expect(policy.split('; ')).toContain("form-action 'none'")
  expect(policy).not.toContain('unsafe')
  expect(response.headers.get('X-Content-Type-Options')).toBe('nosniff')
  expect(response.headers.get('Content-Type')).toBe('text/html; charset=utf-8')
  const text = await response.text()
  const hash = createHash('sha256').update(styleOf(text)).digest('base64')
  expect(policy).toContain(`style-src 'sha256-${hash}'`)
  expect(text).not.toMatch(/<script|<img|<link|\son\w+=|\sstyle=/i)
})

test('what is put into a page is text', async () => {
  const nasty = `</title><script>alert("1")</script>' & co`
  const text = await htmlPage(nasty, html`<p title="${nasty}">${nasty}</p>`).text()
  expect(text).not.toContain('<script')
  expect(text).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; &amp; co')
  expect(html`${[1, html`<b>${'<'}</b>`, undefined]}`.text).toBe('1<b>&lt;</b>')
  expect(html`${new Html('<i>')}`.text).toBe('<i>')
})
