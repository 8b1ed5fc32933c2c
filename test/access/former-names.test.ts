import { afterAll, beforeAll, expect, test } from 'bun:test'
import { emptyIndex, INDEX_HEADERS, LAYER, MANIFEST, seed, sha256 } from './content.ts'
import { basic, startWorld, type World } from './world.ts'

/* A renamed repository and an immutable tag, as clients of the protocol meet them. */

let world: World
beforeAll(async () => {
  world = await startWorld({ env: { BERTH_FORMER_NAMES_SECONDS: '0' } })
}, 60_000)
afterAll(() => world?.[Symbol.asyncDispose]())

const manifest = (repo: string, reference: string) => `${world.server.url}/v2/${repo}/manifests/${reference}`

async function renamed(from: string, to: string) {
  await seed(world, from)
  await world.api.call('POST /repositories/{repository}/-/rename', {
    path: { repository: from },
    body: { to },
  })
  // Names are read beside requests: the first one may still be too early.
  for (let tries = 0; tries < 1_000; tries++) {
    const response = await fetch(manifest(from, 'latest'), {
      headers: await world.token('site administrator', from),
    })
    await response.arrayBuffer()
    if (response.headers.has('warning')) return
  }
  throw new Error('nobody is warned')
}

test('its old name pulls and pushes, with a warning that names the new one', async () => {
  await renamed('acme/old', 'acme/new')
  const warning = '299 - "acme/old is now called acme/new; use that name"'
  const headers = await world.token('writer', 'acme/old')
  const pulled = await fetch(manifest('acme/old', 'latest'), { headers })
  expect([pulled.status, pulled.headers.get('warning'), await pulled.text()]).toEqual([
    200,
    warning,
    MANIFEST.toString(),
  ])
  const looked = await fetch(manifest('acme/old', 'latest'), { method: 'HEAD', headers })
  expect([looked.status, looked.headers.get('warning')]).toEqual([200, warning])
  const blob = await fetch(`${world.server.url}/v2/acme/old/blobs/${sha256(LAYER)}`, { headers })
  expect([blob.status, blob.headers.get('warning'), await blob.text()]).toEqual([
    200,
    warning,
    LAYER.toString(),
  ])
  const pushed = await fetch(manifest('acme/old', 'next'), {
    method: 'PUT',
    headers: { ...headers, ...INDEX_HEADERS },
    body: emptyIndex('renamed'),
  })
  expect([pushed.status, pushed.headers.get('warning')]).toEqual([201, warning])
  const there = await fetch(manifest('acme/new', 'next'), {
    headers: await world.token('reader', 'acme/new'),
  })
  expect([there.status, there.headers.get('warning')]).toEqual([200, null])
  const catalog = await fetch(`${world.server.url}/v2/_catalog`, {
    headers: basic(world.logins.reader as [string, string]),
  })
  expect(await catalog.text()).not.toContain('acme/old')
})

test('SE-2: moved away, it tells nothing to who may see it no more', async () => {
  await renamed('acme/leaves', 'olga/private')
  const told = async (repo: string, actor: 'reader' | 'anonymous') => {
    const response = await fetch(manifest(repo, 'latest'), { headers: await world.token(actor, repo) })
    const text = (await response.text()).replaceAll(repo, 'REPO')
    return [response.status, response.headers.get('warning'), text]
  }
  for (const actor of ['reader', 'anonymous'] as const) {
    const [status, warning, text] = await told('acme/leaves', actor)
    expect([status, warning]).toEqual([actor === 'reader' ? 403 : 401, null])
    expect(text).not.toContain('olga')
  }
  const owner = await fetch(manifest('acme/leaves', 'latest'), {
    headers: await world.token('organisation owner', 'acme/leaves'),
  })
  expect([owner.status, owner.headers.get('warning')]).toEqual([
    200,
    '299 - "acme/leaves is now called olga/private; use that name"',
  ])
})

test('an immutable tag is denied in a sentence, to be moved and to be deleted', async () => {
  await seed(world, 'acme/fixed', 'v1')
  await world.api.call('PUT /repositories/{repository}/-/immutable-tags', {
    path: { repository: 'acme/fixed' },
    body: { patterns: ['v*'] },
  })
  const headers = await world.token('admin', 'acme/fixed')
  const asked = async (method: string, tag: string) => {
    const response = await fetch(manifest('acme/fixed', tag), {
      method,
      headers: { ...headers, ...(method === 'PUT' && INDEX_HEADERS) },
      ...(method === 'PUT' && { body: emptyIndex('fixed') }),
    })
    const text = await response.text()
    const [error] = text === '' ? [undefined] : JSON.parse(text).errors
    return [response.status, error?.code, error?.message]
  }
  const next = 'or ask who administers the repository to take it out of its immutable tags'
  expect(await asked('PUT', 'v1')).toEqual([
    403,
    'DENIED',
    `tag v1 of acme/fixed is immutable and stays at ${sha256(MANIFEST)}; push under a new tag, ${next}`,
  ])
  expect(await asked('DELETE', 'v1')).toEqual([
    403,
    'DENIED',
    `tag v1 of acme/fixed is immutable; tag v1 was not deleted, ${next}`,
  ])
  expect((await asked('PUT', 'v2'))[0]).toBe(201)
  expect((await asked('PUT', 'latest'))[0]).toBe(201)
})
