import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import type { HUB_METHODS } from '../../src/api/hub/door.ts'
import type { Verb } from '../../src/core/verbs.ts'
import { protect } from './api-rows.ts'
import { seed } from './content.ts'
import { ACTORS, type ActorName, may, TARGETS, type TargetName } from './model.ts'
import { nameOf, startWorld, type World } from './world.ts'

/* Every request of Docker Hub's by everyone, as in matrix.test.ts. */

type Places = typeof HUB_METHODS
type HubOperation = { [Place in keyof Places]: `${Places[Place][number]} ${Place}` }[keyof Places]

interface HubRow {
  /** What it needs on the repository; `anyone` may ask the others. */
  readonly verb: Verb | 'anyone'
  readonly path: (repo: string) => string
  readonly body?: (repo: string) => unknown
  /** Status of a call that is allowed, where the repository is there, where it is not, and where its namespace is not. */
  readonly there: number
  readonly absent: number
  readonly nowhere?: number
}

const at = (repo: string) => `/v2/repositories/${repo}/`
const part = (repo: string, index: number) => repo.split('/')[index] ?? ''

/** One row for each operation: a new one without a row does not compile. */
const ROWS: Readonly<Record<HubOperation, HubRow>> = {
  'POST login': {
    verb: 'anyone',
    path: () => '/v2/users/login',
    body: () => ({ username: 'otto', password: 'wrong' }),
    there: 401,
    absent: 401,
  },
  'POST token': {
    verb: 'anyone',
    path: () => '/v2/auth/token',
    body: () => ({ identifier: 'otto', secret: 'wrong' }),
    there: 401,
    absent: 401,
  },
  'GET namespace': {
    verb: 'anyone',
    path: (repo) => `/v2/repositories/${part(repo, 0)}/`,
    there: 200,
    absent: 200,
  },
  'POST repositories': {
    verb: 'push',
    path: () => '/v2/repositories/',
    body: (repo) => ({ namespace: part(repo, 0), name: part(repo, 1) }),
    there: 200,
    absent: 201,
    nowhere: 404,
  },
  'GET repository': { verb: 'pull', path: at, there: 200, absent: 404 },
  'PATCH repository': {
    verb: 'admin',
    path: at,
    body: () => ({ full_description: '# read me' }),
    there: 200,
    absent: 404,
  },
  // Protected: the rest of the matrix needs it.
  'DELETE repository': { verb: 'admin', path: at, there: 409, absent: 404 },
  'GET tags': { verb: 'pull', path: (repo) => `${at(repo)}tags/`, there: 200, absent: 404 },
  'GET tag': { verb: 'pull', path: (repo) => `${at(repo)}tags/latest/`, there: 200, absent: 404 },
  'DELETE tag': { verb: 'delete', path: (repo) => `${at(repo)}tags/none/`, there: 404, absent: 404 },
}

let world: World
beforeAll(async () => {
  world = await startWorld({ env: { BERTH_LOGIN_FAILURES: '1000', BERTH_ADDRESS_FAILURES: '1000' } })
  for (const repo of ['acme/public', 'acme/private']) {
    await seed(world, repo)
    await protect(world, repo)
  }
  await world.api.call('PATCH /repositories/{repository}', {
    path: { repository: 'acme/public' },
    body: { visibility: 'public' },
  })
}, 60_000)
afterAll(() => world?.[Symbol.asyncDispose]())

const refusalOf = (actor: ActorName) => (actor === 'anonymous' ? 401 : 403)

for (const [operation, row] of Object.entries(ROWS) as [HubOperation, HubRow][]) {
  describe(operation, () => {
    for (const actor of ACTORS) {
      test(`by ${actor}`, async () => {
        const refused = new Map<TargetName, string>()
        for (const target of TARGETS) {
          const repo = nameOf(target)
          const response = await fetch(world.server.url + row.path(repo), {
            method: operation.slice(0, operation.indexOf(' ')),
            headers: { ...world.basic(actor), ...(row.body && { 'Content-Type': 'application/json' }) },
            ...(row.body && { body: JSON.stringify(row.body(repo)) }),
          })
          const text = await response.text()
          if (row.verb === 'anyone' || may(actor, row.verb, target)) {
            const there = target === 'public' || target === 'private'
            const missing = target === 'nowhere' ? (row.nowhere ?? row.absent) : row.absent
            expect([target, response.status, text]).toEqual([target, there ? row.there : missing, text])
          } else {
            expect([target, response.status]).toEqual([target, refusalOf(actor)])
            const plain = text.replaceAll(repo, 'REPO').replaceAll(part(repo, 0), 'NAMESPACE')
            refused.set(target, plain)
          }
        }
        // Forbidden and absent are told alike; who may pull all of the organisation's is told something else of what is nobody's.
        const hidden: TargetName[] = ['private', 'absent']
        if (!may(actor, 'pull', 'private')) hidden.push('nowhere')
        const texts = hidden.flatMap((target) => refused.get(target) ?? [])
        for (const text of texts) expect(text).toBe(texts[0] ?? '')
      })
    }
  })
}
