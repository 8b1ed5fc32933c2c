import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { CONTRACT, type Endpoint } from '../../src/api/contract/contract.ts'
import { METHODS } from '../../src/oci/methods.ts'
import { startPostgres } from '../testbed/postgres.ts'
import { API_ROWS, type ApiRow } from './api-rows.ts'
import { seed } from './content.ts'
import { ACTORS, type ActorName, lacksNamespace, may, PASSES, TARGETS, type TargetName } from './model.ts'
import { WIRE_ROWS, type WireRow } from './wire-rows.ts'
import { nameOf, startWorld, type World } from './world.ts'

/*
 * Every request × everyone × public, private, absent: the answer follows from the model. Forbidden and absent are told in the same words.
 */

let last = 0
const unique = () => `x${++last}`

interface Told {
  readonly status: number
  readonly body: string
  readonly headers: readonly string[]
}

/** An answer with everything that differs anyway taken out. */
async function told(response: Response, repo: string): Promise<Told> {
  const plain = (text: string) =>
    text
      .replaceAll(repo, 'REPO')
      .replaceAll(repo.slice(0, repo.indexOf('/')), 'NAMESPACE')
      .replace(/"requestId":"[^"]*"/, '')
  const skipped = new Set(['date', 'x-request-id', 'content-length'])
  const headers = [...response.headers]
    .filter(([name]) => !skipped.has(name))
    .map(([name, value]) => `${name}: ${plain(value)}`)
    .sort()
  return { status: response.status, body: plain(await response.text()), headers }
}

/**
 * Forbidden and absent must be told alike. Where somebody may pull whatever the organisation has, what belongs to nobody is another case: there
 * it is no secret what is missing.
 */
function expectAlike(actor: ActorName, refused: ReadonlyMap<TargetName, Told>) {
  const hidden: TargetName[] = may(actor, 'pull', 'private')
    ? ['private', 'absent']
    : ['private', 'absent', 'nowhere']
  const [first, ...others] = hidden.flatMap((target) => refused.get(target) ?? [])
  for (const other of others) expect(other).toEqual(first as Told)
}

const refusalOf = (actor: ActorName) => (actor === 'anonymous' ? 401 : 403)

/** Everything again on each database: what is forbidden must not depend on it. */
describe.each(['sqlite', 'postgresql'])('%s', (database) => {
  const stack = new AsyncDisposableStack()
  let world: World
  beforeAll(async () => {
    const cluster = database === 'postgresql' ? stack.use(await startPostgres()) : undefined
    world = stack.use(await startWorld(cluster && { env: { BERTH_DATABASE_URL: cluster.url } }))
    for (const repo of ['acme/public', 'acme/private']) await seed(world, repo)
    await world.api.call('PATCH /repositories/{repository}', {
      path: { repository: 'acme/public' },
      body: { visibility: 'public' },
    })
  }, 60_000)
  afterAll(() => stack.disposeAsync(), 60_000)

  describe('the protocol', () => {
    test('has a row for every method of every route', () => {
      const known = Object.entries(METHODS).flatMap(([route, methods]) =>
        [...methods].map((method) => `${method} ${route}`),
      )
      expect(Object.keys(WIRE_ROWS).sort()).toEqual(known.sort())
    })

    const expected = (row: WireRow, actor: ActorName, target: TargetName): number | 'refused' => {
      if (row.verb === 'nothing') return row.there
      if (row.verb === 'token') return actor === 'anonymous' ? 'refused' : row.there
      if (!may(actor, row.verb, target)) return 'refused'
      if (lacksNamespace(row.verb, target)) return 404
      return target === 'public' || target === 'private' ? row.there : row.absent
    }

    for (const [operation, row] of Object.entries(WIRE_ROWS) as [string, WireRow][]) {
      const method = operation.slice(0, operation.indexOf(' '))
      for (const actor of ACTORS) {
        test(`${operation} by ${actor}`, async () => {
          const refused = new Map<TargetName, Told>()
          for (const target of TARGETS) {
            const repo = nameOf(target)
            const name = unique()
            const response = await fetch(`${world.server.url}${row.path(repo, name)}`, {
              method,
              headers: { ...row.headers, ...(await world.token(actor, repo, row.scope)) },
              ...(row.body && { body: row.body(name) }),
            })
            const answer = await told(response, repo)
            const status = expected(row, actor, target)
            if (status === 'refused') {
              expect([target, answer.status]).toEqual([target, refusalOf(actor)])
              refused.set(target, answer)
              const challenge = response.headers.get('www-authenticate')
              if (actor === 'anonymous') expect(challenge).toStartWith('Bearer realm="')
              else expect(challenge).toBeNull()
            } else {
              expect([target, answer.status, answer.body]).toEqual([target, status, answer.body])
              if (row.verb === 'create-tag' && target === 'nowhere' && method !== 'HEAD')
                expect(answer.body).toContain('"NAME_UNKNOWN"')
            }
          }
          expectAlike(actor, refused)
        })
      }
    }
  })

  describe('the management API', () => {
    const rule = (endpoint: Endpoint) => CONTRACT[endpoint].access

    function fill(endpoint: Endpoint, row: ApiRow, repo: string, name: string): string {
      const template = endpoint.slice(endpoint.indexOf(' ') + 1)
      const path = template.replace(/\{(\w+)\}/g, (_, part: string) => {
        if (part === 'repository') return repo
        const said = row.path?.[part] ?? { user: 'adam', organisation: 'acme', namespace: 'acme' }[part]
        if (said === undefined) throw new Error(`${endpoint} needs a ${part}`)
        return said === 'UNIQUE' ? name : said
      })
      return `/api/v1${path}${row.query ? `?${new URLSearchParams(row.query)}` : ''}`
    }

    async function ask(endpoint: Endpoint, row: ApiRow, actor: ActorName, repo: string, target: TargetName) {
      const name = unique()
      if (target === 'public' || target === 'private') await row.before?.(world, name, repo)
      return fetch(`${world.server.url}${fill(endpoint, row, repo, name)}`, {
        method: endpoint.slice(0, endpoint.indexOf(' ')),
        headers: { ...world.basic(actor), ...(row.body && { 'Content-Type': 'application/json' }) },
        ...(row.body && { body: JSON.stringify(row.body(name)) }),
      })
    }

    for (const [endpoint, row] of Object.entries(API_ROWS) as [Endpoint, ApiRow][]) {
      const access = rule(endpoint)
      for (const actor of ACTORS) {
        if (access.kind === 'repository') {
          test(`${endpoint} by ${actor}`, async () => {
            const refused = new Map<TargetName, Told>()
            for (const target of TARGETS) {
              const repo = nameOf(target)
              const answer = await told(await ask(endpoint, row, actor, repo, target), repo)
              const there = target === 'public' || target === 'private'
              if (may(actor, access.verb, target)) {
                expect([target, answer.status, answer.body]).toEqual([
                  target,
                  row.but?.[actor] ?? (there ? row.done : 404),
                  answer.body,
                ])
              } else {
                expect([target, answer.status]).toEqual([target, refusalOf(actor)])
                refused.set(target, answer)
              }
            }
            expectAlike(actor, refused)
            await takeBack(endpoint)
          })
        } else {
          test(`${endpoint} by ${actor}`, async () => {
            const answer = await told(
              await ask(endpoint, row, actor, 'acme/private', 'private'),
              'acme/private',
            )
            const status = PASSES[access.kind].includes(actor)
              ? (row.but?.[actor] ?? row.done)
              : refusalOf(actor)
            expect([answer.status, answer.body]).toEqual([status, answer.body])
          })
        }
      }
    }

    /** What a call gave to the stranger, it must not keep. */
    async function takeBack(endpoint: Endpoint) {
      if (endpoint !== 'POST /repositories/{repository}/-/grants') return
      const { items } = await world.api.call('GET /namespaces/{namespace}/grants', {
        path: { namespace: 'acme' },
      })
      for (const { id, subject } of items) {
        if (subject === 'user:otto')
          await world.api.call('DELETE /namespaces/{namespace}/grants/{id}', {
            path: { namespace: 'acme', id: String(id) },
          })
      }
    }
  })
})
